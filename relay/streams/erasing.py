"""Erasing an SMS: a tombstone on the latest-state topic, and what still stands of it elsewhere, until when."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from relay.events.record import Destination
from relay.events.records import tombstone_record
from relay.publishing.cluster import ClusterUnreachableError
from relay.publishing.connection import KafkaConnection
from relay.publishing.partitioning import partition_of
from relay.publishing.topics import FoundTopic
from relay.reasons import Reason
from relay.streams.reading import TopicReader, reading
from relay.streams.standing import Progress
from relay.streams.tail import TopicMissingError
from relay.streams.writing import outcomes, writing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long a topic keeps its records, as the broker says; None for what it does not let us read."""

    retention: timedelta | None = None
    for_ever: bool = False
    """Whether nothing is ever deleted by age."""
    segment: timedelta | None = None
    """How long a segment grows, which is deleted as a whole."""
    compacted: bool = False
    tombstones: timedelta | None = None
    """How long a tombstone stays once it was compacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a topic still holds of an SMS."""

    topic: str
    keyed: int
    """Records whose key is the SMS id."""
    mentioning: int
    """Records of another key or none, whose value names the id: other webhooks, dead letters."""
    newest: datetime | None
    """The timestamp of the newest of them; None: there are none."""
    keeping: Keeping

    @property
    def until(self) -> datetime | None:
        """The first moment at which the newest of them may be deleted; None: that is not known, or never."""
        if self.newest is None or self.keeping.retention is None:
            return None
        return self.newest + self.keeping.retention

    @property
    def until_at_most(self) -> datetime | None:
        """The moment at which its segment is deleted for sure, give or take minutes; None: not known, or never."""
        return None if self.until is None or self.keeping.segment is None else self.until + self.keeping.segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A topic that could not be looked through."""

    topic: str
    says: str
    """Why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was done, and what was found then."""

    partition: int
    """Of the latest-state topic."""
    refusal: Reason | None
    """Why the tombstone is not acknowledged; None: it is, or none was to be written."""
    holdings: tuple[Holding | Unseen, ...]
    """Of the status, the other, the dead-letter and the latest-state topic."""


async def erase(  # noqa: PLR0913 - where, what, and what time it is
    connection: KafkaConnection,
    *,
    topics: Mapping[Destination, str],
    sms_id: str,
    dry_run: bool,
    now: datetime,
    progress: Progress,
) -> Erasure:
    """Write the tombstone of an SMS (not in a dry run), wait for its acknowledgement, and look what is left.

    Raises:
        ClusterUnreachableError: the brokers do not answer.
        TopicMissingError: the latest-state topic is not there.
        UnusableConnectionError: no client can be made from `connection`.
    """
    key, latest = sms_id.encode(), topics[Destination.LATEST]
    refusal: Reason | None = None
    async with reading(connection, describe=topics.values()) as reader:
        partition = partition_of(key, reader.topic(latest).partitions)
        if not dry_run:
            async with writing(connection, {Destination.LATEST: latest}) as publisher:
                (refusal,) = await outcomes(publisher, [tombstone_record(key, now)])
        holdings = [await _seen(reader, name, destination, key, progress) for destination, name in topics.items()]
    return Erasure(partition=partition, refusal=refusal, holdings=tuple(holdings))


async def _seen(
    reader: TopicReader, name: str, destination: Destination, key: bytes, progress: Progress
) -> Holding | Unseen:
    try:
        return await _holding(reader, reader.topic(name), destination, key, progress)
    except (ClusterUnreachableError, TopicMissingError) as error:
        return Unseen(
            topic=name, says=str(error)
        )  # the tombstone is written: what the others hold is still worth telling


async def _holding(
    reader: TopicReader, topic: FoundTopic, destination: Destination, key: bytes, progress: Progress
) -> Holding:
    # The relay keys other webhooks by their first item, and dead letters often not at all: any partition may name it.
    by_key = destination in {Destination.STATUS, Destination.LATEST}
    stretches = await reader.stretches(topic.name, partitions=[partition_of(key, topic.partitions)] if by_key else None)
    names = named_in(key)
    keyed = mentioning = done = 0
    newest_ms: int | None = None
    total = sum(each.end - each.begin for each in stretches)
    async for record in reader.records(stretches):
        done += 1
        progress(f"looking through {topic.name}", done, total)
        if record.value is None:
            continue
        if record.key == key:
            keyed += 1
        elif not by_key and names.search(record.value):
            mentioning += 1
        else:
            continue
        newest_ms = max(record.timestamp_ms, newest_ms or 0)
    return Holding(
        topic=topic.name,
        keyed=keyed,
        mentioning=mentioning,
        newest=None if newest_ms is None else _EPOCH + timedelta(milliseconds=newest_ms),
        keeping=keeping_of(topic.configs),
    )


def named_in(key: bytes) -> re.Pattern[bytes]:
    """Give what finds an id in a value, as a word of its own: `12` is not in `2012`."""
    return re.compile(rb"(?<![A-Za-z0-9_-])" + re.escape(key) + rb"(?![A-Za-z0-9_-])")


def keeping_of(configs: Mapping[str, str] | None) -> Keeping:
    """Give how long a topic keeps its records, from its configuration in Kafka's names and words."""
    if configs is None:
        return Keeping()
    policies: Collection[str] = [word.strip() for word in configs.get("cleanup.policy", "delete").split(",")]
    deletes = "delete" in policies
    retention = _span(configs.get("retention.ms")) if deletes else None
    return Keeping(
        retention=retention,
        for_ever=deletes and configs.get("retention.ms", "").startswith("-"),
        segment=_span(configs.get("segment.ms")),
        compacted="compact" in policies,
        tombstones=_span(configs.get("delete.retention.ms")),
    )


def _span(milliseconds: str | None) -> timedelta | None:
    try:
        number = int(milliseconds or "")
        return timedelta(milliseconds=number) if number >= 0 else None
    except (ValueError, OverflowError):
        return None
