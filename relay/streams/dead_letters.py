"""Dead letters as they stand on their topic: what is known of one, and which of them somebody means. Pure."""

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from relay.streams.tail import TailedRecord

_PLACE: Final = re.compile(r"([0-9]{1,10})@([0-9]{1,19})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STUB: Final = {"size", "sha256"}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands on a topic; written as ``partition@offset``."""

    partition: int
    offset: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a place as it is written.

        Raises:
            ValueError: it is none.
        """
        found = _PLACE.fullmatch(text.strip())
        if found is None:
            message = f"{text!r} is no partition@offset, such as 3@17"
            raise ValueError(message)
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record of the dead-letter topic. What another writer's record does not say is None or empty."""

    place: Place
    written_ms: int
    """The record's timestamp, Unix milliseconds."""
    id: str | None
    """`relay-id`: the same for the same bytes of the same account."""
    received_at: datetime
    """When the webhook came; the record's timestamp where that is not said."""
    account: str | None
    reason: str
    detail: str
    sms_id: str | None
    headers: Mapping[str, str]
    """All that the record has."""
    size: int
    """Bytes of the payload as it stands there."""
    payload: bytes | None = field(repr=False)
    """Personal data. None: the record has no value."""

    @property
    def payload_kept(self) -> bool:
        """Whether the payload is what came, and not its size and hash in its place."""
        return self.payload is not None and not _is_stub(self.payload)

    def without_payload(self) -> Self:
        """Give the same without what takes room."""
        return replace(self, payload=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which letters are meant: those for which all of this holds. Nothing said: all."""

    places: AbstractSet[Place] = frozenset()
    """Empty: any."""
    reasons: AbstractSet[str] = frozenset()
    """Empty: any."""
    account: str | None = None
    since: datetime | None = None
    """Received at this moment or later; aware."""
    until: datetime | None = None
    """Received before this moment; aware."""

    def takes(self, letter: DeadLetter) -> bool:
        """Say whether a letter is meant."""
        return (
            (not self.places or letter.place in self.places)
            and (not self.reasons or letter.reason in self.reasons)
            and (self.account is None or letter.account == self.account)
            and (self.since is None or letter.received_at >= self.since)
            and (self.until is None or letter.received_at < self.until)
        )


def letter_of(record: TailedRecord) -> DeadLetter:
    """Give the dead letter that a record of the dead-letter topic is."""
    headers = record.headers
    return DeadLetter(
        place=Place(record.partition, record.offset),
        written_ms=record.timestamp_ms,
        id=headers.get("relay-id"),
        received_at=_moment(headers.get("relay-received-at")) or _EPOCH + timedelta(milliseconds=record.timestamp_ms),
        account=headers.get("relay-account"),
        reason=headers.get("relay-reason", ""),
        detail=headers.get("relay-detail", ""),
        sms_id=None if record.key is None else record.key.decode(errors="replace"),
        headers=headers,
        size=len(record.value or b""),
        payload=record.value,
    )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_stub(payload: bytes) -> bool:
    """Whether `relay.privacy.stub` made it."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() == _STUB
