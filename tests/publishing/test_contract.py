"""The publishing port's contract: the same claims for the in-memory, the embedded and the real broker."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from relay.demo.broker import EmbeddedBroker
from relay.events.record import Destination
from relay.publishing.admission import Admission
from relay.publishing.port import Publisher
from relay.publishing.producer import MAX_RECORD_BYTES
from relay.reasons import Reason
from tests.kafka.choice import Kafka
from tests.kafka.reader import StoredRecord, read_topic
from tests.kafka.topics import Topics
from tests.publishing.memory import MemoryPublisher
from tests.publishing.stand import RECORD, PublishLog, everywhere, handed_over, outcome, publishing_to, record
from tests.publishing.test_partitioning import JAVA

PARTITIONS = 12
MAX_RECORDS = 300


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A publisher under test, and the way to look behind it."""

    publisher: Publisher
    admission: Admission
    log: PublishLog
    stored: Callable[[], Awaitable[list[StoredRecord]]]


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield _in_memory()
        return
    bootstrap_servers, topic = _topic_on(request.param, request)
    async with publishing_to(bootstrap_servers, everywhere(topic), max_records=MAX_RECORDS) as stand:
        await stand.supervised.until_verified()
        yield Subject(
            publisher=stand.publisher,
            admission=stand.admission,
            log=stand.published,
            stored=lambda: read_topic(bootstrap_servers, topic),
        )


def _in_memory() -> Subject:
    admission, log = Admission(max_records=MAX_RECORDS), PublishLog()
    publisher = MemoryPublisher(
        dict.fromkeys(Destination, PARTITIONS), admission=admission, observer=log, largest_record=MAX_RECORD_BYTES
    )

    async def stored() -> list[StoredRecord]:
        return publisher.stored(Destination.STATUS)

    return Subject(publisher=publisher, admission=admission, log=log, stored=stored)


def _topic_on(tier: str, request: pytest.FixtureRequest) -> tuple[str, str]:
    if tier == "kafka":
        kafka: Kafka = request.getfixturevalue("kafka")
        topics: Topics = request.getfixturevalue("topics")
        settings = {"max.message.bytes": str(MAX_RECORD_BYTES)}
        return kafka.bootstrap_servers, topics.create(partitions=PARTITIONS, settings=settings)
    embedded: EmbeddedBroker = request.getfixturevalue("embedded")
    topic = f"contract.{uuid.uuid4().hex}"
    embedded.create_topic(topic, partitions=PARTITIONS)
    return embedded.bootstrap_servers, topic


async def test_an_acknowledged_record_is_stored_as_it_was_given(subject: Subject) -> None:
    acknowledgement = handed_over(subject.publisher, RECORD)

    await acknowledgement

    [stored] = await subject.stored()
    assert (stored.key, stored.value, stored.timestamp_ms) == (RECORD.key, RECORD.value, RECORD.timestamp_ms)
    given = {name: value.encode() for name, value in RECORD.headers.items()}
    assert dict(stored.headers) == given | {"correlation_id": RECORD.id.encode()}
    assert len(stored.headers) == len(given) + 1


async def test_a_record_without_key_is_stored_without_key(subject: Subject) -> None:
    await handed_over(subject.publisher, RECORD._replace(key=None))

    [stored] = await subject.stored()
    assert stored.key is None


async def test_a_key_goes_to_the_partition_that_a_java_client_gives_it(subject: Subject) -> None:
    acknowledgements = [handed_over(subject.publisher, record(b"{}", key=key.encode())) for key, _ in JAVA]
    await asyncio.gather(*acknowledgements)

    found = {(stored.key or b"").decode(): stored.partition for stored in await subject.stored()}
    assert found == dict(JAVA)


async def test_records_of_a_key_stand_in_the_order_given(subject: Subject) -> None:
    keys = [f"key-{number}".encode() for number in range(5)]

    acknowledgements = [
        handed_over(subject.publisher, record(b"%d" % number, key=keys[number % 5])) for number in range(250)
    ]
    await asyncio.gather(*acknowledgements)

    by_key = defaultdict(list)
    for stored in await subject.stored():
        by_key[stored.key].append(int(stored.value or b""))
    assert by_key == {key: list(range(start, 250, 5)) for start, key in enumerate(keys)}


async def test_a_record_over_the_limit_fails_alone(subject: Subject) -> None:
    too_large = handed_over(subject.publisher, record(bytes(MAX_RECORD_BYTES + 1)))
    next_one = handed_over(subject.publisher, record(b"next"))

    await asyncio.wait({too_large, next_one})

    assert (outcome(too_large), outcome(next_one)) == (Reason.RECORD_TOO_LARGE, "acknowledged")
    assert [stored.value for stored in await subject.stored()] == [b"next"]


async def test_a_record_as_large_as_an_accepted_body_is_stored(subject: Subject) -> None:
    body = bytes(1024 * 1024)

    await handed_over(subject.publisher, record(body))

    [stored] = await subject.stored()
    assert stored.value == body


async def test_the_observer_hears_of_each_record_once(subject: Subject) -> None:
    acknowledgement = handed_over(subject.publisher, RECORD)
    too_large = handed_over(subject.publisher, record(bytes(MAX_RECORD_BYTES + 1)))

    await asyncio.wait({acknowledgement, too_large})

    assert subject.log.published_to == [Destination.STATUS]
    assert subject.log.failures == [(Destination.STATUS, Reason.RECORD_TOO_LARGE)]


async def test_at_the_cap_it_is_unavailable_until_acknowledgements_come(subject: Subject) -> None:
    assert subject.publisher.unavailable is None
    assert [subject.publisher.full_behind(webhooks) for webhooks in (0, MAX_RECORDS - 1, MAX_RECORDS)] == [
        False,
        False,
        True,
    ]

    acknowledgements = [handed_over(subject.publisher, RECORD) for _ in range(MAX_RECORDS)]
    at_the_cap = subject.publisher.unavailable
    assert subject.publisher.full_behind(0)
    await asyncio.gather(*acknowledgements)

    assert at_the_cap is Reason.OVERLOADED
    assert subject.publisher.unavailable is None
    assert (subject.admission.in_flight_records, subject.admission.in_flight_bytes) == (0, 0)


async def test_records_of_many_batches_are_all_stored_in_the_order_given(subject: Subject) -> None:
    values = [b"%d" % number + bytes(20_000) for number in range(100)]

    acknowledgements = [handed_over(subject.publisher, record(value)) for value in values]
    outcomes = await asyncio.gather(*acknowledgements)

    assert set(outcomes) == {None}
    assert [stored.value for stored in await subject.stored()] == values
