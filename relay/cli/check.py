"""`relay check`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import json
import logging
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from relay.cli.terminal import console, levelled

if TYPE_CHECKING:
    from relay.cli.review import Remark
    from relay.settings.environment import Loaded

EXAMPLE = "Example: relay check --offline"


def check(
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Look at the settings only; ask no broker.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the effective settings (secrets masked), then every check as ok, warning or failed.

    Exit 0 when nothing failed, else 1.
    """
    from relay.cli.review import Remark, certificates, review
    from relay.kafka_settings import connection
    from relay.publishing.certificates import expiries
    from relay.publishing.topics import Level
    from relay.settings.environment import SettingsError, load

    loaded = None
    try:
        loaded = load(os.environ)
        remarks = [*review(loaded), *certificates(expiries(connection(loaded.settings)), datetime.now(UTC))]
    except SettingsError as error:
        wrong = [("settings", sentence) for sentence in error.problems]
        unknown = [("names", sentence) for sentence in error.warnings]
        remarks = [Remark(Level.FAILED, about, sentence) for about, sentence in (*wrong, *unknown)]
    if loaded is not None and loaded.settings.tracing.enabled:
        remarks += asyncio.run(_try_tracing())
    if loaded is not None and not offline:
        remarks += asyncio.run(_ask_cluster(loaded))
        remarks += asyncio.run(_ask_store(loaded))
    _print(loaded, remarks, as_json=as_json)
    raise typer.Exit(int(any(remark.level is Level.FAILED for remark in remarks)))


async def _try_tracing() -> list["Remark"]:
    from relay.cli.review import Remark
    from relay.publishing.topics import Level
    from relay.traced import CannotTraceError, traced

    said = _Said()
    logger = logging.getLogger("opentelemetry")
    logger.addHandler(said)
    logger.propagate = False
    try:
        await traced({}, "").stop(1.0)
    except CannotTraceError as error:
        return [Remark(Level.FAILED, "tracing", str(error))]
    finally:
        logger.removeHandler(said)
        logger.propagate = True
    return [Remark(Level.WARNING, "tracing", sentence) for sentence in said.sentences]


class _Said(logging.Handler):
    """What a library says of its variables, where it goes on with a default."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


async def _ask_cluster(loaded: "Loaded") -> list["Remark"]:
    from relay.cli.review import Remark
    from relay.kafka_settings import connection, topic_specs
    from relay.publishing.cluster import ClusterUnreachableError, read_cluster
    from relay.publishing.connection import UnusableConnectionError
    from relay.publishing.topics import Level, compare

    way, specs = connection(loaded.settings), topic_specs(loaded.settings)
    try:
        listing = await read_cluster(way, describe=[spec.name for spec in specs])
    except (ClusterUnreachableError, UnusableConnectionError) as error:
        return [Remark(Level.FAILED, "broker", str(error))]
    answers = f"A broker of {way.servers} answers; brokers in the cluster: {listing.brokers}."
    remarks = [Remark(Level.OK, "broker", answers)]
    for spec in specs:
        found = listing.topics.get(spec.name)
        if found is None and spec.name == loaded.settings.topics.latest:
            says = "It is missing, which only `relay project` minds: create it with `relay topics apply`."
            remarks.append(Remark(Level.WARNING, spec.name, says))
            continue
        remarks += [Remark(finding.level, spec.name, finding.says) for finding in compare(spec, found)]
    return remarks


async def _ask_store(loaded: "Loaded") -> list["Remark"]:
    store = loaded.settings.duplicates.store
    if store == "memory":
        return []
    from relay.cli.review import Remark
    from relay.duplicates.redis import RedisStore
    from relay.duplicates.shared import reachable
    from relay.publishing.topics import Level

    why = await reachable(RedisStore(store, scope="check"))
    if why is None:
        return [Remark(Level.OK, "duplicates", f"{store} answers and may be written.")]
    says = f"{store} is of no use now ({why}): until it is, a replay to another replica becomes a second record."
    return [Remark(Level.WARNING, "duplicates", says)]


def _print(loaded: "Loaded | None", remarks: list["Remark"], *, as_json: bool) -> None:
    from relay.settings.environment import effective

    settings = {} if loaded is None else effective(loaded.settings)
    if as_json:
        typer.echo(json.dumps({"settings": settings, "checks": [asdict(remark) for remark in remarks]}))
        return
    screen = console()
    given = {} if loaded is None else loaded.given
    for name, shown in settings.items():
        origin = given.get(name, "default")
        note = "" if origin == name else f"  ({origin})"
        screen.print(f"{name} = {shown}{note}", style="dim" if origin == "default" else None)
    if settings:
        screen.print()
    for remark in remarks:
        screen.print(levelled(remark.level, remark.about, remark.says))
