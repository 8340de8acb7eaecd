"""Records are handed over all or none; one that cannot be is told so itself, and harms no other."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from aiokafka.structs import RecordMetadata, TopicPartition

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.port import NotPublishedError
from relay.publishing.producer import MAX_RECORD_BYTES
from relay.reasons import Reason
from tests.publishing.stand import RECORD, PublishLog

TOPICS = {destination: f"topic-{destination}" for destination in Destination}


class Producer:
    """A running producer of which a test says what it knows and takes; it acknowledges in the next turn."""

    failure = None

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self.unwritable: set[str] = set()
        """Ids of records that raise."""
        self.taken: list[tuple[str, str]] = []

    def knows(self, partition: TopicPartition) -> bool:
        return partition.topic not in self.unknown

    def publish(self, topic: str, record: Record, ticket: object, outcomes: Any) -> None:  # noqa: ANN401 - a fake's
        if record.id in self.unwritable:
            "\ud800".encode()  # a lone surrogate: raises
        offset = len(self.taken)
        self.taken.append((topic, record.id))
        stored = RecordMetadata(topic, 0, TopicPartition(topic, 0), offset, 0, 0, 0)
        asyncio.get_running_loop().call_soon(outcomes.acknowledged, [ticket], stored)


class House:
    """A publisher with that producer in place."""

    def __init__(self) -> None:
        self.log = PublishLog()
        self.admission = Admission(max_records=1000)
        self.publisher = KafkaPublisher(topics=TOPICS, admission=self.admission, observer=self.log)
        self.producer = Producer()
        self.publisher.use(self.producer)  # type: ignore[arg-type]  # a fake
        self.told: dict[str, Reason | None] = {}

    def publish(self, records: Sequence[Record]) -> None:
        self.publisher.publish([(record, partial(self.tell, record.id)) for record in records])

    def tell(self, id_: str, failure: Reason | None) -> None:
        assert id_ not in self.told
        self.told[id_] = failure


def records(*, large: str | None = None) -> list[Record]:
    """Give three records of two topics; of one the headers are too large."""
    given = [("a", Destination.STATUS), ("b", Destination.DEAD_LETTER), ("c", Destination.STATUS)]
    endless = {"content-type": "application/json", "ce_subject": "é" * (MAX_RECORD_BYTES // 2)}
    return [
        RECORD._replace(
            id=id_,
            destination=destination,
            headers=endless if id_ == large else RECORD.headers,
            value=bytes(100_000) if id_ == large else RECORD.value,
        )
        for id_, destination in given
    ]


async def test_with_one_topic_unknown_none_is_handed_over() -> None:
    house = House()
    house.producer.unknown = {TOPICS[Destination.DEAD_LETTER]}

    with pytest.raises(NotPublishedError) as refused:
        house.publish(records())
    await asyncio.sleep(0)

    assert refused.value.reason is Reason.TOPIC_MISSING
    assert (house.producer.taken, house.told) == ([], {})
    assert (Destination.DEAD_LETTER, Reason.TOPIC_MISSING) in house.log.failures
    assert house.admission.in_flight_records == 0


async def test_each_goes_to_its_own_topic_and_is_told_of_its_own_acknowledgement() -> None:
    house = House()

    house.publish(records())
    under_way = (dict(house.told), house.admission.in_flight_records)
    await asyncio.sleep(0)

    assert under_way == ({}, 3)
    assert house.producer.taken == [(TOPICS[record.destination], record.id) for record in records()]
    assert house.told == dict.fromkeys("abc")
    assert house.admission.in_flight_records == 0


async def test_one_that_cannot_be_written_is_refused_and_its_neighbours_are_not() -> None:
    house = House()
    house.producer.unwritable = {"b"}

    house.publish(records())
    await asyncio.sleep(0)

    assert house.told == {"a": None, "b": Reason.RECORD_REFUSED, "c": None}
    assert house.admission.in_flight_records == 0


async def test_headers_count_for_a_records_size() -> None:
    house = House()

    house.publish(records(large="b"))
    await asyncio.sleep(0)

    assert house.told == {"a": None, "b": Reason.RECORD_TOO_LARGE, "c": None}


async def test_without_a_producer_the_reason_of_its_absence_is_given() -> None:
    house = House()
    house.publisher.lose(Reason.DRAINING)

    with pytest.raises(NotPublishedError) as refused:
        house.publish(records())

    assert refused.value.reason is Reason.DRAINING
