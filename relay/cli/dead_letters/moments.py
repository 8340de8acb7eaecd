"""Moments as people give them to a command: RFC 3339, or how long ago. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_AGO: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXPECTED: Final = "give a time with its zone, such as 2026-08-01T12:00:00Z, or how long ago, such as 90m, 2h or 7d"


def moment(text: str, now: datetime) -> datetime:
    """Give the aware moment that `text` means at `now`.

    Raises:
        ValueError: it means none; the text says what to give.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(EXPECTED)
