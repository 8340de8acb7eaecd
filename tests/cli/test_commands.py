"""What holds for every command: help, version, wrong settings, secrets."""

import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import environment, relay

PLANTED = "pl4nted-s3cret-value"
EVERY_COMMAND = [
    ("serve",),
    ("check",),
    ("demo",),
    ("simulate",),
    ("tail",),
    ("project",),
    ("erase",),
    ("reconcile",),
    ("dead-letters",),
    ("dead-letters", "list"),
    ("dead-letters", "show"),
    ("dead-letters", "replay"),
    ("topics",),
    ("topics", "show"),
    ("topics", "apply"),
    ("webhooks",),
    ("webhooks", "list"),
    ("webhooks", "register"),
    ("webhooks", "rotate"),
    ("webhooks", "delete"),
    ("schemas",),
    ("schemas", "export"),
    ("schemas", "check"),
]
NEED_SETTINGS = [("serve",), ("tail",), ("topics", "show"), ("topics", "apply")]


@pytest.mark.parametrize("command", [(), *EVERY_COMMAND], ids=" ".join)
def test_the_help_of_every_command_shows_an_example(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert "Example: relay" in result.stdout or "Example: RELAY_" in result.stdout


def test_help_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys; sys.argv = ['relay', '--help']\n"
        "from relay.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'faststream', 'aiokafka', 'aiohttp', 'pydantic', 'starlette', 'phonenumbers', 'rich'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )

    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code], env=environment({}), capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_version_is_that_of_the_distribution() -> None:
    done = relay("--version", env={})

    assert (done.stdout, done.returncode) == (f"relay {version('sofy-relay')}\n", 0)


@pytest.mark.parametrize("command", NEED_SETTINGS, ids=" ".join)
def test_wrong_settings_are_a_line_each_on_stderr_and_exit_2(run: Run, command: tuple[str, ...]) -> None:
    result = run(
        *command,
        env={
            "RELAY_KAFKA__BOOTSTRAP_SERVER": "localhost:9092",
            "RELAY_SOFY__TOKENS": f"[{PLANTED}",
            "RELAY_HTTP__PORT": PLANTED,
        },
    )

    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        "RELAY_KAFKA__BOOTSTRAP_SERVERS",
        "RELAY_SOFY__TOKENS",
        "RELAY_HTTP__PORT",
        "RELAY_KAFKA__BOOTSTRAP_SERVER",
    ]
    assert PLANTED not in result.output


def test_serve_refuses_to_believe_everybody_unasked() -> None:
    done = relay("serve", env={"RELAY_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"})

    assert done.returncode == 2
    assert done.stderr.startswith("RELAY_SOFY__TOKENS and RELAY_SOFY__SECRETS are not set")
    assert len(done.stderr.splitlines()) == 1


def test_serve_says_in_one_sentence_that_its_port_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = relay(
            "serve",
            env={
                "RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "RELAY_SOFY__TOKENS": f'["{PLANTED}"]',
                "RELAY_HTTP__HOST": "127.0.0.1",
                "RELAY_HTTP__PORT": str(port),
                "RELAY_ADMIN__HOST": "127.0.0.1",
                "RELAY_ADMIN__PORT": "0",
            },
        )

    assert done.returncode == 2
    assert f"127.0.0.1:{port} is already in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert PLANTED not in done.stdout + done.stderr
