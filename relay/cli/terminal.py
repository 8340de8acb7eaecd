"""What every command shares: where words go, in which colours, and how wrong settings end it."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import os
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from relay.settings.environment import Loaded

WRONG_SETTINGS: Final = 2
"""The exit code for settings that cannot be used, and for a port in use."""

STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def settings_or_exit(*, to_serve: bool = False, groups: Collection[str] | None = None) -> "Loaded":
    """Load the settings from this process's environment; end with every problem on its own line if it cannot be.

    `groups` are those that the command needs (None: all); nobody has to set up Kafka to ask Sofy something.
    """
    from relay.settings.environment import SettingsError, load

    try:
        return load(os.environ, to_serve=to_serve, groups=groups)
    except SettingsError as error:
        for sentence in (*error.problems, *error.warnings):
            typer.echo(sentence, err=True)
        raise typer.Exit(WRONG_SETTINGS) from None


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command: the sentence on stderr, and the exit code."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def plain(text: str) -> str:
    """Give text that somebody else made as one line that is harmless to a terminal."""
    from relay.observability.neutralise import text as neutral

    return neutral(text)


def say(sentence: str) -> None:
    """Write one line to stderr, harmless whatever it repeats."""
    typer.echo(plain(sentence), err=True)


def console() -> "Console":
    """Give stdout with colours if it is a terminal (and NO_COLOR is not set), never wrapping in a pipe."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def levelled(level: str, about: str, says: str) -> Any:  # noqa: ANN401 - rich is imported late
    """Give one line of a list of checks."""
    from rich.text import Text

    return Text.assemble((f"{level:<8}", STYLES[level]), (f"{about}: ", "bold"), says)
