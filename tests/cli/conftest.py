"""How the tests of commands run them: in this process, with an environment of their own."""

import os
from collections.abc import Callable, Mapping

import pytest
from typer.testing import CliRunner, Result

from relay.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `relay` with arguments and RELAY_ variables; nothing of the surrounding environment counts."""

    def invoke(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("RELAY_")]:
                patch.delenv(name)
            return CliRunner().invoke(app, list(arguments), env=dict(env or {}), catch_exceptions=False)

    return invoke
