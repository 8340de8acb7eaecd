"""Sofy's scalar values, read strictly: each reader gives a value or raises `ValueError`.

Nothing is guessed: no yes/no is taken for a number, no bare number for a date, no float for an id.
Texts are matched by a pattern before any parser sees them, for the parsers are lenient: `int()` takes
`_` and full-width digits, `Decimal` takes `1e999999999`, strict pydantic takes digits for dates.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from relay.events.times import Instant, rfc3339

_DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
# RFC 3339, and ISO 8601's zone without a colon or without any zone. There is no hour 24: Python takes it from 3.14 on.
_TO_THE_SECOND: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
_TIME: Final = re.compile(_TO_THE_SECOND + r"(?:\.[0-9]{1,9})?(Z|z|[+-][0-9]{2}:?[0-9]{2})?")
# As Sofy writes them, and the contract.
_TIME_AS_WRITTEN: Final = re.compile(_TO_THE_SECOND.replace("[Tt ]", "T") + r"\.[0-9]{3}Z")
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
    if isinstance(value, str) and value.strip():
        return value
    message = "empty or not a text"
    raise ValueError(message)


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
    if isinstance(value, str):
        found = value
    elif isinstance(value, float):
        found = repr(value)  # the shortest decimal of the double
        if "e" in found:
            found = format(Decimal(found), "f")
    elif isinstance(value, int) and not isinstance(value, bool):
        found = str(value)
    else:
        message = "not a decimal"
        raise ValueError(message)  # noqa: TRY004 - whoever reads a field takes ValueError for "unreadable"
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


def instant(value: object) -> Instant:
    """Give a time in UTC, to the microsecond (further digits are cut off); one without a zone is taken as UTC."""
    found = text(value)
    if _TIME_AS_WRITTEN.fullmatch(found):  # nothing to convert, nothing to write again
        return Instant(datetime.fromisoformat(found), found)
    match = _TIME.fullmatch(found)
    if match is None:
        message = "not a time as in 2022-12-29T18:24:27.000Z"
        raise ValueError(message)
    moment = datetime.fromisoformat(found.upper())
    if match.group(1) is None:
        moment = moment.replace(tzinfo=UTC)
        return Instant(moment, rfc3339(moment), zone_assumed=True)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        message = "out of the calendar"
        raise ValueError(message) from error
    return Instant(moment, rfc3339(moment))
