"""Where the tests of `relay webhooks rotate` take place: a Sofy, a relay over TCP that follows a file, the command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import Result

from relay.sofy.authenticity import Credentials
from tests.cli.believing import Believing, believing
from tests.cli.conftest import Run
from tests.cli.sofy_api import beside
from tests.sofy.api_stand import PLANTED

OLD, NEW = f"{PLANTED}-old", f"{PLANTED}-new"
QUICK = ("--overlap=0", "--in-a-row=2")


@dataclass
class Stand:
    """A Sofy, a relay that follows `file`, and the environment of the command."""

    run: Run
    env: dict[str, str]
    relay: Believing
    url: str
    file: Path

    def register(self, *arguments: str) -> str:
        """Register the relay by the command and give the secret."""
        result = self.run("webhooks", "register", *(arguments or (self.url,)), env=self.env)
        assert result.exit_code == 0, result.stderr
        return result.stdout.strip()

    def rotate(self, *arguments: str) -> Result:
        return self.run("webhooks", "rotate", self.url, *QUICK, *arguments, env=self.env)

    def ids(self) -> list[str]:
        listed = json.loads(self.run("webhooks", "list", "--json", env=self.env).stdout)["webhooks"]
        return [it["id"] for it in listed]

    def held(self) -> list[str]:
        """What the followed file holds."""
        held: list[str] = json.loads(self.file.read_text())
        return held


def secrets_in(file: Path) -> Credentials:
    """Give what a relay believes that follows a list of secrets."""
    return Credentials(secrets=tuple(it.encode() for it in json.loads(file.read_text())))


@contextmanager
def by_secret(run: Run, sofy: str, tmp_path: Path, account: str) -> Iterator[Stand]:
    """Give a relay that follows a list of secrets, registered once with v2."""
    file = tmp_path / "secrets"
    relay = Believing(lambda: secrets_in(file))
    env = {"RELAY_SOFY__API_URL": sofy, "RELAY_SOFY__API_TOKEN": f"sofy_live_{account}"}
    with beside(believing(relay)) as url:
        stand = Stand(run, env, relay, url, file)
        file.write_text(json.dumps([stand.register()]))
        yield stand


@contextmanager
def by_token(run: Run, sofy: str, tmp_path: Path, account: str) -> Iterator[Stand]:
    """Give a relay that follows a list of both tokens, registered with the old one; the new is in `token`."""
    file = tmp_path / "tokens"
    file.write_text(json.dumps([OLD, NEW]))
    (tmp_path / "token").write_text(NEW)
    relay = Believing(lambda: Credentials(tokens=tuple(it.encode() for it in json.loads(file.read_text()))))
    env = {
        "RELAY_SOFY__API_URL": sofy,
        "RELAY_SOFY__API_KEY_ID": account,
        "RELAY_SOFY__API_KEY_SECRET": PLANTED,
    }
    with beside(believing(relay)) as url:
        stand = Stand(run, env, relay, url, file)
        stand.register(f"{url}/{OLD}")
        yield stand
