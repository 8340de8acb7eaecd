"""Times as the contract writes them: UTC, RFC 3339, milliseconds, `Z`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

from pydantic import AwareDatetime, PlainSerializer, WithJsonSchema

PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Instant(NamedTuple):
    """A time that was read, and the text that everything writes of it: made once, wanted thrice."""

    at: datetime
    """Aware, UTC."""
    text: str
    """`rfc3339(at)`."""
    zone_assumed: bool = False
    """Whether what was read named no zone, so that UTC was taken."""


def milliseconds(moment: datetime) -> int:
    """Give the Unix milliseconds of an aware `moment`, truncated."""
    # Exact: a float's timestamp() times 1000 may fall one short.
    return (moment - _EPOCH) // _MILLISECOND


def rfc3339(moment: datetime) -> str:
    """Give an aware `moment` in UTC with milliseconds, truncated and never rounded, and `Z`."""
    at = moment.astimezone(UTC)
    # Two thirds of what isoformat or an f-string costs.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (  # noqa: UP031
        at.year,
        at.month,
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.microsecond // 1000,
    )


Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": PATTERN}),
]
"""An aware datetime; written as RFC 3339 in UTC with milliseconds."""
