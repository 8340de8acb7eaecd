"""Dead letters that are made by hand, and the topics around them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer

from relay.events.record import Destination, Record
from relay.events.records import dead_letter_record
from relay.reasons import Reason
from relay.streams.dead_letters import DeadLetter, letter_of
from relay.streams.tail import TailedRecord
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item

NOW = datetime.now(UTC).replace(microsecond=0)
"""Of this run: a real broker deletes what is older than its retention."""
PARTITIONS = 3


def letter_record(  # noqa: PLR0913 - each is one fact about a letter
    sms_id: str | None = "zzzzz",
    *,
    payload: bytes | None = None,
    reason: Reason = Reason.MISSING_STATUS,
    detail: str = "status: absent",
    account: str = "default",
    received_at: datetime = NOW - timedelta(hours=1),
) -> Record:
    """Give a letter of a reading that was stricter than today's: its payload is a webhook that can be read."""
    return dead_letter_record(
        account=account,
        reason=reason,
        detail=detail,
        sms_id=sms_id,
        payload=body(item(id=sms_id or "zzzzz")) if payload is None else payload,
        received_at=received_at,
        is_json=True,
    )


def letter(record: Record, *, partition: int = 0, offset: int = 0) -> DeadLetter:
    """Give a record as it is read from the dead-letter topic."""
    return letter_of(
        TailedRecord(partition, offset, record.timestamp_ms, record.key, record.value, dict(record.headers))
    )


@dataclass(frozen=True)
class Office:
    """The topics of one test on a real Kafka, and what is on them. Its methods block."""

    servers: str
    topics: Mapping[Destination, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, servers: str, topics: Topics, **settings: str) -> "Office":
        names = {
            Destination.STATUS: topics.create(partitions=PARTITIONS),
            Destination.OTHER: topics.create(partitions=PARTITIONS),
            Destination.DEAD_LETTER: topics.create(partitions=PARTITIONS),
            Destination.LATEST: topics.create(partitions=PARTITIONS, settings={"cleanup.policy": "compact"}),
        }
        environment = {f"RELAY_TOPICS__{destination.name}": name for destination, name in names.items()}
        return cls(servers, names, {"RELAY_KAFKA__BOOTSTRAP_SERVERS": servers, **environment, **settings})

    def write(self, records: Sequence[Record]) -> None:
        """Write records as the relay does."""
        producer = Producer({"bootstrap.servers": self.servers, "acks": "all", "partitioner": "murmur2_random"})
        for record in records:
            producer.produce(
                self.topics[record.destination],
                None if record.is_tombstone else record.value,
                key=record.key,
                headers=dict(record.headers),
                timestamp=record.timestamp_ms,
            )
            producer.poll(0)
        assert producer.flush(30) == 0

    def read(self, destination: Destination) -> list[StoredRecord]:
        """Give all that stands on a topic."""
        return asyncio.run(read_topic(self.servers, self.topics[destination]))

    def places(self) -> dict[bytes | None, str]:
        """Where each dead letter stands, by its key."""
        return {it.key: f"{it.partition}@{it.offset}" for it in self.read(Destination.DEAD_LETTER)}

    def ends(self) -> dict[Destination, int]:
        """How many records stand on each topic."""
        return {destination: len(self.read(destination)) for destination in self.topics}


def ids(records: Sequence[StoredRecord]) -> list[str]:
    """The `ce_id` of each record."""
    return [dict(record.headers)["ce_id"].decode() for record in records]
