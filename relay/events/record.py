"""A record as it goes to Kafka, before anybody knows of topics or clients."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Destination(StrEnum):
    """Which of the relay's topics a record is for; settings give each its name."""

    STATUS = "status"
    OTHER = "other"
    DEAD_LETTER = "dead_letter"
    LATEST = "latest"
    """Written by `relay project` alone."""


class Record(NamedTuple):
    """One Kafka record: what it says, and the identity that makes a second one a duplicate."""

    destination: Destination
    id: str
    """UUID text: `event_id`, `ce_id` or `relay-id`. The same for the same fact or the same bytes."""
    key: bytes | None
    value: bytes
    headers: Mapping[str, str]
    """Without `correlation_id`, which is `id` on every record and set by the publisher."""
    timestamp_ms: int
    """Unix milliseconds of the webhook's reception."""

    @property
    def is_tombstone(self) -> bool:
        """Whether it erases its key: on the latest-state topic an empty value, which Kafka gets as null."""
        return self.destination is Destination.LATEST and not self.value
