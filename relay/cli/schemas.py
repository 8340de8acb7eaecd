"""`relay schemas export` and `relay schemas check`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from relay.cli.terminal import fail

EXAMPLE = "Example: relay schemas check"

app = typer.Typer(help="Write the JSON Schemas of the events, or check those written.", no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Where the schemas stand.")]
_DEFAULT = Path("schemas")


@app.command(epilog="Example: relay schemas export schemas")
def export(directory: Directory = _DEFAULT) -> None:
    """Write every schema and example from the models, replacing what is there."""
    from relay.events.schemas import documents

    for sentence in _incompatible(directory, documents()):
        typer.echo(sentence, err=True)
    try:
        for name, content in documents().items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
            typer.echo(f"wrote {directory / name}")
    except OSError as error:
        fail(f"{error.filename} cannot be written ({error.strerror}): give another DIR.")


@app.command(epilog="Example: relay schemas check schemas")
def check(directory: Directory = _DEFAULT) -> None:
    """Compare the schemas in DIR with the models. Exit 1 on any difference, naming each file.

    A change that breaks old records or old readers is named too: it needs a new version, not an export.
    """
    from relay.events.schemas import documents

    expected = documents()
    found = [*_drift(directory, expected), *_incompatible(directory, expected)]
    if not found:
        typer.echo(f"{len(expected)} files in {directory} are what the models say.")
        return
    for sentence in found:
        typer.echo(sentence, err=True)
    raise typer.Exit(1)


def _drift(directory: Path, expected: dict[str, bytes]) -> Iterator[str]:
    remedy = f"run `relay schemas export {directory}`"
    for name, content in expected.items():
        path = directory / name
        if not path.is_file():
            yield f"{path} is missing: {remedy}."
        elif path.read_bytes() != content:
            yield f"{path} differs from the models: {remedy}."
    for path in sorted(directory.rglob("*.json")):
        if path.relative_to(directory).as_posix() not in expected:
            yield f"{path} is not made from the models: delete it."


def _incompatible(directory: Path, expected: dict[str, bytes]) -> Iterator[str]:
    from relay.events.compatibility import incompatibilities

    for name, content in expected.items():
        path = directory / name
        if "/examples/" in name or not path.is_file():
            continue
        try:
            old = json.loads(path.read_bytes())
        except ValueError:
            continue  # unreadable: the drift says so
        for change in incompatibilities(old, json.loads(content)):
            yield f"{path} would change incompatibly ({change}): make a new version instead."
