"""Records of every kind on a real Kafka: written as the relay writes them, read back by a plain consumer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.events import Destination, Record, Status
from relay.events.latest import Transition
from relay.events.records import dead_letter_record, latest_record, other_record, status_record
from relay.events.schemas import example_dead_letter, example_event, example_latest, example_tombstone
from relay.events.status_event import StatusEvent
from relay.reasons import Reason
from tests.kafka.choice import Kafka
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.publishing.stand import handed_over, publishing_to

NOON = datetime(2026, 1, 1, 12, 0, 0, 999_999, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNUSUAL = "sms é 😀 100%"
"""An SMS id that a header would have to be escaped for, if it were not UTF-8."""

_DELIVERED = example_event(Status.DELIVERED)


def _other(body: bytes, subject: str | None, *, provider_type: str = "sms.reply", trace: str | None = None) -> Record:
    return other_record(
        account="default",
        provider_type=provider_type,
        subject=subject,
        payload=body,
        received_at=NOON,
        traceparent=trace,
    )


STATUSES: Sequence[Record] = (
    *(status_record(StatusEvent.of(example_event(status))) for status in Status),
    status_record(StatusEvent.of(_DELIVERED.model_copy(update={"sms_id": UNUSUAL, "body": "Là-bas « 😀 »"})), TRACE),
    status_record(StatusEvent.of(_DELIVERED.model_copy(update={"sms_id": "timeless", "occurred_at": None}))),
    status_record(
        StatusEvent.of(
            _DELIVERED.model_copy(update={"sms_id": "midnight", "occurred_at": datetime(2026, 1, 1, tzinfo=UTC)})
        )
    ),
)
OTHERS: Sequence[Record] = (
    _other(b'{"type":"sms.reply","data":{"id":"r1","text":"STOP"}}', "r1", trace=TRACE),
    _other(b' {"type": "rcs.reply", "price": 1.50, "data": []}\n', None, provider_type="rcs.reply"),
    _other('{"type":"é","id":"é"}'.encode(), "é", provider_type="é"),
)
LATEST: Sequence[Record] = tuple(latest_record(example_latest(transition)) for transition in Transition)
TOMBSTONES: Sequence[Record] = (example_tombstone(),)
DEAD_LETTERS: Sequence[Record] = (
    example_dead_letter(),
    dead_letter_record(
        account="default",
        reason=Reason.INVALID_JSON,
        detail="",
        sms_id=None,
        payload=b"\xff not JSON",
        received_at=NOON,
        is_json=False,
    ),
)


@dataclass(frozen=True)
class Stored:
    """A record, and what became of it in Kafka."""

    written: Record
    read: StoredRecord

    @property
    def headers(self) -> dict[str, bytes]:
        assert len({name for name, _ in self.read.headers}) == len(self.read.headers)
        return dict(self.read.headers)


async def stored(kafka: Kafka, topics: Topics, records: Sequence[Record]) -> list[Stored]:
    """Publish `records` through the relay's publisher, each kind to a topic of its own, and read them back."""
    names: Mapping[Destination, str] = {
        destination: await asyncio.to_thread(topics.create) for destination in {each.destination for each in records}
    }
    async with publishing_to(kafka.bootstrap_servers, names) as stand:
        await stand.supervised.until_verified()
        for record in records:
            await handed_over(stand.publisher, record)
    found = []
    for destination, name in names.items():
        written = [record for record in records if record.destination is destination]
        read = await read_topic(kafka.bootstrap_servers, name)
        found += [Stored(*pair) for pair in zip(written, read, strict=True)]
    return found
