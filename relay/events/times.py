"""Times as the contract writes them: UTC, RFC 3339, milliseconds, `Z`."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AwareDatetime, PlainSerializer, WithJsonSchema

PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """Give the Unix milliseconds of an aware `moment`, truncated."""
    # Exact: a float's timestamp() times 1000 may fall one short.
    return (moment - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=4096)
def rfc3339(moment: datetime) -> str:
    """Give an aware `moment` in UTC with milliseconds, truncated and never rounded, and `Z`.

    Remembered: an event writes its times twice or three times, and all events of a webhook share one.
    """
    # isoformat truncates; "+00:00" is all that UTC can end in.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": PATTERN}),
]
"""An aware datetime; written as RFC 3339 in UTC with milliseconds."""
