"""How dead letters are shown: a table or an object a line of many, all of one."""
# ruff: noqa: PLC0415 - what takes long to import is imported when it is used: see relay.cli

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from relay.cli.terminal import console, plain

if TYPE_CHECKING:
    from relay.streams.dead_letters import DeadLetter

_TITLES: Final[tuple[str, ...]] = ("ID", "RECEIVED AT", "ACCOUNT", "REASON", "DETAIL", "SMS", "BYTES")
_WIDE: Final = 500
"""Characters of a payload's line that are shown as one."""


def print_list(letters: Sequence["DeadLetter"]) -> None:
    """Print the table; a sentence instead of an empty one."""
    from rich.text import Text

    from relay.events.times import rfc3339

    screen = console()
    if not letters:
        screen.print("No dead letter is meant by that.")
        return
    rows = [_TITLES]
    for it in letters:
        told = (str(it.place), rfc3339(it.received_at), it.account or "-", it.reason or "-", it.detail or "-")
        rows.append(tuple(plain(cell) for cell in (*told, it.sms_id or "-", str(it.size))))
    # By hand: rich's table takes a millisecond a line, and there may be many thousands.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        screen.print(Text(line, "" if number else "bold"))


def as_object(letter: "DeadLetter") -> dict[str, Any]:
    """Give what a line of `--json` holds of a letter: all but its payload."""
    from relay.events.times import rfc3339

    return {
        "id": str(letter.place),
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "received_at": rfc3339(letter.received_at),
        "account": letter.account,
        "reason": letter.reason or None,
        "detail": letter.detail or None,
        "sms_id": letter.sms_id,
        "size": letter.size,
        "relay_id": letter.id,
    }


def payload_lines(payload: bytes | None) -> Iterator[str]:
    """Give a payload as a person reads it, harmless to terminals: indented if it is JSON, else as it is.

    Indented, a number is written as Python does: the exact bytes are there with --raw.
    """
    if payload is None:
        yield "(none)"
        return
    try:
        text = json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = payload.decode(errors="backslashreplace")
    for line in text.split("\n"):
        # A line at a time, for `plain` makes one of all, and cuts a long one.
        yield from (plain(line[start : start + _WIDE]) for start in range(0, max(1, len(line)), _WIDE))
