"""`relay erase`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from relay.cli.asking import answered
from relay.cli.terminal import WRONG_SETTINGS, fail, plain, settings_or_exit

if TYPE_CHECKING:
    from relay.streams.erasing import Holding, Unseen

EXAMPLE = "Example: relay erase --sms 01HXYZ --dry-run"

_GROUPS: Final = ("kafka", "topics")


def erase(
    *,
    sms: Annotated[str, typer.Option("--sms", metavar="ID", help="Sofy's id of the SMS, to the letter.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look what stands of it; write nothing.")] = False,
) -> None:
    """Erase an SMS from the latest-state topic, and print what the topics still hold of it, and until when.

    Kafka deletes nothing at once: see the dates. Exit 0 when the erasure is acknowledged, else 1.
    """
    if not sms:
        fail("--sms is empty; give Sofy's id of the SMS.", WRONG_SETTINGS)
    settings = settings_or_exit(groups=_GROUPS).settings
    from relay.events.record import Destination
    from relay.kafka_settings import connection, destinations
    from relay.reasons import MEANING
    from relay.streams.erasing import Unseen
    from relay.streams.erasing import erase as erased

    latest = settings.topics.latest
    done = answered(
        lambda progress: erased(
            connection(settings),
            topics={**destinations(settings), Destination.LATEST: latest},
            sms_id=sms,
            dry_run=dry_run,
            now=datetime.now(UTC),
            progress=progress,
        )
    )
    where = f"on {latest}, partition {done.partition}"
    if dry_run:
        typer.echo(f"Would write a tombstone {where}.")
    elif done.refusal is None:
        typer.echo(f"Erased {where}: Kafka has acknowledged the tombstone.")
    for holding in done.holdings:
        typer.echo(plain(sentence(holding)))
    typer.echo("A later event of this SMS, or a replay of its dead letters, makes a new state.")
    if done.refusal is not None:
        fail(f"Not erased {where}: {MEANING[done.refusal].says} Run it again.")
    if any(isinstance(holding, Unseen) for holding in done.holdings):
        fail("Not every topic could be looked through.")


def sentence(holding: "Holding | Unseen") -> str:
    """Say what a topic holds of the SMS, and until when; or why that is not known."""
    from relay.streams.erasing import Unseen

    if isinstance(holding, Unseen):
        return f"{holding.topic} may hold something of it: {holding.says}"
    if holding.newest is None:
        return f"{holding.topic} holds nothing of it."
    parts = []
    if holding.keyed:
        parts.append(_records(holding.keyed))
    if holding.mentioning:
        parts.append(f"{_records(holding.mentioning)} of another key or none that {_verb(holding.mentioning)} its id")
    return f"{holding.topic} holds {' and '.join(parts)}, {_until(holding)}."


def _until(holding: "Holding") -> str:
    from relay.events.times import rfc3339

    keeping = holding.keeping
    if keeping.compacted:
        stays = "" if keeping.tombstones is None else f"; the tombstone stays {_hours(keeping.tombstones)} longer"
        return f"until the topic is next compacted{stays}"
    if keeping.for_ever:
        return "for ever: the topic's retention.ms is -1"
    if holding.until is None:
        return "for a time that is not known: our user may not read the topic's configuration (DescribeConfigs)"
    most = ""
    if holding.until_at_most is not None:
        most = f", at {rfc3339(holding.until_at_most)} at the latest"
    return f"until {rfc3339(holding.until)}, then as its segment rolls{most}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"


def _records(number: int) -> str:
    return f"{number} record{'s' * (number != 1)}"


def _verb(number: int) -> str:
    return "names" if number == 1 else "name"
