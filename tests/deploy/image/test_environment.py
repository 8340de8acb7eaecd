"""The image's build stage, followed on this machine: the environment it makes serves, and holds nothing else."""

import json
import os
import subprocess
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from relay import __version__
from tests.deploy.image.recipe import Kitchen, stages
from tests.deploy.tools import DEPLOY
from tests.locks import read_lock

pytestmark = pytest.mark.ops

_UNCHECKED_HASH: Final = 1
"""The flags of a .pyc that is believed without looking at its source (PEP 552)."""

_IMPORT_ALL: Final = """
import importlib, pkgutil, relay
for module in pkgutil.walk_packages(relay.__path__, "relay."):
    if not module.name.startswith("relay.demo") and module.name != "relay.__main__":
        importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the last stage copies: /opt/relay."""
    kitchen = Kitchen(tmp_path_factory.mktemp("image"))
    kitchen.follow(stages()[0])
    return kitchen.root / "opt" / "relay"


def packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python3*/site-packages"))


def run(environment: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment with the last stage's variables and these settings, and no others."""
    environ = {name: value for it in stages()[-1].all("ENV") for name, value in it.pairs().items()} | settings
    environ["PATH"] = f"{environment / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    program = environment / "bin" / command[0]
    return subprocess.run([program, *command[1:]], env=environ, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - as above


def name(installed: Distribution) -> str:
    return canonicalize_name(installed.metadata["Name"])


def test_it_holds_the_runtime_lock_and_the_relay_and_nothing_else(environment: Path) -> None:
    wanted = {of: it.version for of, it in read_lock(DEPLOY / "requirements.lock").items() if it.is_for_here}

    found = {name(it): it.version for it in distributions(path=[str(packages(environment))])}

    assert found == wanted | {"sofy-relay": __version__}


def test_it_knows_its_version(environment: Path) -> None:
    said = run(environment, "relay", "--version")

    assert (said.returncode, said.stdout) == (0, f"relay {__version__}\n")


def test_it_checks_its_settings_and_finds_what_every_codec_and_store_and_tracing_need(environment: Path) -> None:
    settings = {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
        "RELAY_KAFKA__COMPRESSION": "zstd",
        "RELAY_DUPLICATES__STORE": "redis://redis:6379/0",
        "RELAY_SOFY__TOKENS": '["a-long-random-token"]',
        "RELAY_TRACING__ENABLED": "true",
    }

    said = run(environment, "relay", "check", "--offline", "--json", **settings)

    assert said.returncode == 0, said.stdout + said.stderr
    assert not [it for it in json.loads(said.stdout)["checks"] if it["level"] == "failed"]


def test_every_module_but_the_demo_finds_what_it_imports(environment: Path) -> None:
    said = run(environment, "python", "-c", _IMPORT_ALL)

    assert said.returncode == 0, said.stderr


def test_all_of_it_is_compiled_and_running_adds_nothing(environment: Path) -> None:
    sources = [it for it in packages(environment).rglob("*.py") if it.stem.isidentifier()]
    compiled = {it.parent.parent / f"{it.name.partition('.')[0]}.py": it for it in environment.rglob("*.pyc")}
    before = set(environment.rglob("*"))

    run(environment, "relay", "--help")

    assert sources
    assert set(sources) <= set(compiled)
    assert {int.from_bytes(it.read_bytes()[4:8], "little") for it in compiled.values()} == {_UNCHECKED_HASH}
    assert set(environment.rglob("*")) == before
