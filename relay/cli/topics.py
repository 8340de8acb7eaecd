"""`relay topics apply` and `relay topics show`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.terminal import console, fail, levelled, settings_or_exit

if TYPE_CHECKING:
    from relay.publishing.plan import Change
    from relay.settings import Settings

EXAMPLE = "Example: relay topics apply --dry-run"

app = typer.Typer(help="Create or check the topics as the settings ask.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

_DONE, _WOULD, _NOT_DONE, _LEFT, _KEPT, _IMPOSSIBLE = "done", "would", "not_done", "left", "kept", "impossible"
_SHOWN = {
    _DONE: ("ok", "Done: {}."),
    _WOULD: ("ok", "Would {}."),
    _NOT_DONE: ("failed", "Not done: {}."),
    _LEFT: ("warning", "Left as it is; --force would {}."),
    _KEPT: ("warning", "Left as it is: {}."),
    _IMPOSSIBLE: ("failed", "Not possible: {}."),
}
"""What became of a change: its line's level and words."""


@app.command(epilog="Example: relay topics show --json")
def show(*, as_json: AsJson = False) -> None:
    """Compare each topic with what the settings ask for; change nothing.

    Exit 0 when nothing failed, else 1.
    """
    settings = settings_or_exit().settings
    from relay.kafka_settings import connection, topic_specs
    from relay.publishing.cluster import read_cluster
    from relay.publishing.topics import Level, compare

    specs = topic_specs(settings)
    listing = _answered(read_cluster(connection(settings), describe=[spec.name for spec in specs]))
    findings = [finding for spec in specs for finding in compare(spec, listing.topics.get(spec.name))]
    if as_json:
        typer.echo(json.dumps({"topics": [asdict(finding) for finding in findings]}))
    else:
        screen = console()
        for finding in findings:
            screen.print(levelled(finding.level, finding.topic, finding.says))
    raise typer.Exit(int(any(finding.level is Level.FAILED for finding in findings)))


@app.command(epilog="Example: relay topics apply --dry-run")
def apply(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also alter topics that exist.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create the missing topics as the settings ask; an existing one is altered with --force only.

    Exit 0 when the topics exist, else 1; with --force also 1 when one cannot become what the settings ask.
    """
    settings = settings_or_exit().settings
    applied: _Applied = _answered(_apply(settings, dry_run=dry_run, force=force))
    if as_json:
        changes = [{"topic": it.topic, "outcome": outcome, "says": it.says} for it, outcome in applied.outcomes]
        typer.echo(json.dumps({"changes": changes}))
    else:
        _print(applied.outcomes)
    if applied.refusal is not None:
        fail(applied.refusal)
    raise typer.Exit(int(any(outcome == _IMPOSSIBLE for _, outcome in applied.outcomes)))


@dataclass(slots=True)
class _Applied:
    """What became of every change, and why the cluster refused one, if it did."""

    outcomes: list[tuple["Change", str]]
    refusal: str | None = None


async def _apply(settings: "Settings", *, dry_run: bool, force: bool) -> _Applied:
    from relay.kafka_settings import connection, topic_specs
    from relay.publishing.cluster import ChangeRefusedError, apply_changes, read_cluster
    from relay.publishing.plan import Impossible, needs_force, plan

    way, specs = connection(settings), topic_specs(settings)
    listing = await read_cluster(way, describe=[spec.name for spec in specs])
    changes = plan(specs, listing)
    wanted = [change for change in changes if not isinstance(change, Impossible) and (force or not needs_force(change))]
    done: list[Change] = []
    refusal = None
    try:
        if wanted and not dry_run:
            async for change in apply_changes(way, wanted):
                done.append(change)  # noqa: PERF401 - those made before a refusal count
    except ChangeRefusedError as error:
        refusal = str(error)

    def outcome(change: "Change") -> str:
        if isinstance(change, Impossible):
            # What nobody asked to alter may stay as it is; a topic that is missing may not.
            return _IMPOSSIBLE if force or change.topic not in listing.topics else _KEPT
        if change in done:
            return _DONE
        if change in wanted:
            return _WOULD if dry_run else _NOT_DONE
        return _LEFT

    return _Applied([(change, outcome(change)) for change in changes], refusal)


def _print(outcomes: list[tuple["Change", str]]) -> None:
    screen = console()
    for change, outcome in outcomes:
        level, words = _SHOWN[outcome]
        screen.print(levelled(level, change.topic, words.format(change.says)))
    if not outcomes:
        screen.print(levelled("ok", "topics", "All four are as the settings ask; nothing to do."))


def _answered(question: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - gives what the coroutine gives
    """Run what asks the cluster; end with one sentence if it does not answer."""
    from relay.publishing.cluster import ClusterUnreachableError
    from relay.publishing.connection import UnusableConnectionError

    try:
        return asyncio.run(question)
    except (ClusterUnreachableError, UnusableConnectionError) as error:
        fail(str(error))
