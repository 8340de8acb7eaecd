"""Sofy's scalar values, read strictly: each reader gives a value or raises `ValueError`.

Nothing is guessed: no yes/no is taken for a number, no bare number for a date, no float for an id.
Texts are matched by a pattern before any parser sees them, for the parsers are lenient: `int()` takes
`_` and full-width digits, `Decimal` takes `1e999999999`, strict pydantic takes digits for dates.
"""

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
# RFC 3339, and ISO 8601's zone without a colon or without any zone.
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(Z|z|[+-][0-9]{2}:?[0-9]{2})?"
)
MAX_SEGMENTS: Final = 255
"""A concatenated SMS counts its parts in one octet (3GPP TS 23.040, 9.2.3.24.1)."""


def text(value: object) -> str:
    """Give a text as it is."""
    if isinstance(value, str):
        return value
    message = "not a text"
    raise ValueError(message)


def word(value: object) -> str:
    """Give a text that is not blank, as it is."""
    found = text(value)
    if not found.strip():
        message = "empty"
        raise ValueError(message)
    return found


def identifier(value: object) -> str:
    """Give an id to the letter; an integer's exact digits."""
    # bool is an int to Python, not to Sofy.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return word(value)


def identifier_or_none(value: object) -> str | None:
    """Give an id to the letter; None where there is none that can be read."""
    try:
        return identifier(value)
    except ValueError:
        return None


def price(value: object) -> str:
    """Give an exact decimal: a text keeps its zeros, a number is written without exponent."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        message = "not a decimal"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes ValueError for "invalid", TypeError for a bug
    if isinstance(value, float):
        if not math.isfinite(value):
            message = "not finite"
            raise ValueError(message)
        # repr is the shortest decimal of the double; "f" writes it without exponent.
        value = format(Decimal(repr(value)), "f")
    found = str(value)
    if not _DECIMAL.fullmatch(found):
        message = "not a decimal of up to 15 digits before the point and 9 after it"
        raise ValueError(message)
    return found


def segments(value: object) -> int:
    """Give a count of SMS segments."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEGMENTS:
        return value
    message = f"not a whole number from 0 to {MAX_SEGMENTS}"
    raise ValueError(message)


class Instant(NamedTuple):
    """A time, and its text where that named no zone, so that the assumption can be told."""

    at: datetime
    """Aware, UTC, to the microsecond: further digits are cut off."""
    zoneless_text: str | None


def instant(value: object) -> Instant:
    """Give a time; one without a zone is taken as UTC and says so."""
    found = text(value)
    match = _TIME.fullmatch(found)
    if match is None:
        message = "not a time as in 2022-12-29T18:24:27.000Z"
        raise ValueError(message)
    moment = datetime.fromisoformat(found.upper())
    if match.group(1) is None:
        return Instant(moment.replace(tzinfo=UTC), found)
    try:
        return Instant(moment.astimezone(UTC), None)
    except OverflowError as error:
        message = "out of the calendar"
        raise ValueError(message) from error
