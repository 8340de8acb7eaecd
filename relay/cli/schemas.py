"""`relay schemas export` and `relay schemas check`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.terminal import fail

if TYPE_CHECKING:
    from relay.events.publication import Finding

EXAMPLE = "Example: relay schemas check"

app = typer.Typer(help="Write the JSON Schemas of the events, or check those written.", no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Where the schemas stand.")]
_DEFAULT = Path("schemas")
ASYNCAPI = "asyncapi.json"
"""Made anew at each change, so not locked."""


@app.command(epilog="Example: relay schemas export schemas")
def export(directory: Directory = _DEFAULT) -> None:
    """Publish what the models say: write what is new, restore what was lost, and lock it.

    What is published never changes: an addition becomes a new revision beside it, such as sms-status/1.1.json.
    A change that breaks old records or old readers is refused, with the rule that it breaks: nothing is written,
    exit 1.
    """
    from relay.asyncapi_settings import default_asyncapi_json
    from relay.events.publication import plan
    from relay.events.schemas import contracts

    files = _files(directory)
    planned = plan(files, contracts(), _known())
    _end_with(directory, planned.refusals)
    document = default_asyncapi_json()
    writes = {**planned.writes} if files.get(ASYNCAPI) == document else {**planned.writes, ASYNCAPI: document}
    try:
        for name, content in writes.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
            typer.echo(f"wrote {directory / name}")
    except OSError as error:
        fail(f"{error.filename} cannot be written ({error.strerror}): give another DIR.")
    if not writes:
        typer.echo(f"{directory} holds what the models say already: nothing to write.")


@app.command(epilog="Example: relay schemas check schemas")
def check(directory: Directory = _DEFAULT) -> None:
    """Compare the models with every schema published in DIR, and DIR with its lock. Exit 1 on any difference.

    Each is a sentence of its own. A change that breaks old records or old readers is named by the rule that it breaks:
    it needs a new version, not an export.
    """
    from relay.asyncapi_settings import default_asyncapi_json
    from relay.events.publication import Finding, findings, plan
    from relay.events.schemas import contracts

    files, models, known = _files(directory), contracts(), _known()
    remedy = f"run `relay schemas export {directory}`"
    found = findings(files, models, known, remedy)
    planned = plan(files, models, known)
    # Of models that are refused there may be no document to be made.
    if not planned.refusals and files.get(ASYNCAPI) != default_asyncapi_json():
        found = (*found, Finding(ASYNCAPI, f"is not what the models and the settings' defaults say: {remedy}"))
    _end_with(directory, found)
    typer.echo(f"{len(planned.published)} files in {directory} are what was published, and what the models say.")


def _end_with(directory: Path, found: "tuple[Finding, ...]") -> None:
    for finding in found:
        typer.echo(f"{directory / finding.path} {finding.says}.", err=True)
    if found:
        raise typer.Exit(1)


def _files(directory: Path) -> Mapping[str, bytes]:
    try:
        return {
            path.relative_to(directory).as_posix(): path.read_bytes()
            for path in sorted(directory.rglob("*.json"))
            if path.is_file()
        }
    except OSError as error:
        fail(f"{error.filename} cannot be read ({error.strerror}): give another DIR.")


def _known() -> Mapping[str, bytes]:
    """Give what this relay was shipped with: within the package, or beside it in a checkout; nothing if it is gone."""
    import relay
    from relay.events.publication import LOCK

    package = Path(relay.__file__).resolve().parent
    for place in (package / "events" / "published", package.parent / "schemas"):
        if (place / LOCK).is_file():
            return _files(place)
    return {}
