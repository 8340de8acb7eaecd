"""`relay tail`."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from relay.cli.terminal import console, fail, settings_or_exit

if TYPE_CHECKING:
    from rich.text import Text

    from relay.settings import Settings, TopicSettings
    from relay.streams.tail import TailedRecord

EXAMPLE = "Example: relay tail status --from-beginning --count 10"

_COLOURS = {"pending": "cyan", "sent": "cyan", "delivered": "green", "unknown": "yellow"}
_FAILED = "red"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options ask for."""

    as_json: bool
    from_beginning: bool
    count: int | None
    sms: str | None


def tail(
    topic: Annotated[
        str, typer.Argument(help="status, other, dead-letter, latest, or a topic's full name.")
    ] = "status",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record's value as it is, one a line.")] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record instead of the next.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after N records.")] = None,
    sms: Annotated[str | None, typer.Option(metavar="ID", help="Only records of this SMS.")] = None,
) -> None:
    """Follow a topic, one line a record, until Ctrl-C. Joins no group, so nobody's offsets move."""
    settings = settings_or_exit().settings
    from relay.publishing.cluster import ClusterUnreachableError
    from relay.publishing.connection import UnusableConnectionError
    from relay.streams.tail import TopicMissingError

    choice = Choice(as_json=as_json, from_beginning=from_beginning, count=count, sms=sms)
    try:
        asyncio.run(_follow(settings, full_name(topic, settings.topics), choice))
    except (ClusterUnreachableError, TopicMissingError, UnusableConnectionError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit from None  # Ctrl-C is how one stops following: no failure


def full_name(topic: str, topics: "TopicSettings") -> str:
    """Give the topic that a short name stands for; any other text is a name already."""
    short = {
        "status": topics.status,
        "other": topics.other,
        "dead-letter": topics.dead_letter,
        "latest": topics.latest,
    }
    return short.get(topic, topic)


async def _follow(settings: "Settings", topic: str, choice: Choice) -> None:
    from relay.kafka_settings import connection
    from relay.streams.tail import following

    screen = console()
    left = choice.count
    async with following(connection(settings), topic, from_beginning=choice.from_beginning) as records:
        begins = "its oldest record" if choice.from_beginning else "now"
        typer.echo(f"Following {topic} from {begins}; Ctrl-C ends.", err=True)
        async for record in records:
            if choice.sms is not None and record.key != choice.sms.encode():
                continue
            if choice.as_json:
                sys.stdout.buffer.write(raw_line(record))
            else:
                screen.print(line(record))
            sys.stdout.flush()
            left = None if left is None else left - 1
            if left == 0:
                return


def raw_line(record: "TailedRecord") -> bytes:
    """Give the value as one line: as it is, but for line breaks, which in JSON mean no more than a blank."""
    value = b"null" if record.value is None else record.value
    return value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def line(record: "TailedRecord") -> "Text":
    """Give a record as a person reads it: when, which SMS, what happened, why, to whom."""
    from rich.text import Text

    from relay.observability.neutralise import text

    value = _object(record.value)
    key = "-" if record.key is None else record.key.decode(errors="replace")
    written = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    words = [text(str(value.get("occurred_at") or written.replace("+00:00", "Z"))), text(key)]
    if "relay-reason" in record.headers:
        what, style, more = record.headers["relay-reason"], _FAILED, [record.headers.get("relay-detail", "")]
    elif isinstance(status := value.get("status"), str):
        what, style, more = status, _COLOURS.get(status, _FAILED), [_code(value), str(value.get("recipient") or "")]
    elif record.value is None:
        what, style, more = "erased", "magenta", []
    else:
        what, style, more = record.headers.get("ce_type", "record"), "blue", []
    rest = "".join(f"  {text(word)}" for word in more if word)
    return Text.assemble((f"{words[0]}  ", "dim"), (f"{words[1]}  ", "bold"), (text(what), style), rest)


def _object(value: bytes | None) -> dict[str, Any]:
    try:
        decoded = json.loads(value or b"")
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _code(value: dict[str, Any]) -> str:
    reason = value.get("reason")
    return str(reason.get("code") or reason.get("category") or "") if isinstance(reason, dict) else ""
