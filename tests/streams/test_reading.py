"""Reading what stands on a topic, from a moment on and to its end, on a real Kafka."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from relay.events.record import Destination
from relay.events.times import milliseconds
from relay.publishing.cluster import ClusterUnreachableError
from relay.publishing.connection import KafkaConnection
from relay.publishing.partitioning import partition_of
from relay.reasons import Reason
from relay.streams.reading import Stretch, TopicReader, reading
from relay.streams.tail import TopicMissingError
from tests.kafka.choice import Kafka
from tests.kafka.guarded import GuardedKafka
from tests.kafka.topics import Topics
from tests.streams.letters import NOW, PARTITIONS, Office, letter_record

pytestmark = pytest.mark.kafka


@pytest.fixture
def office(kafka: Kafka, topics: Topics) -> Office:
    return Office.open(kafka.bootstrap_servers, topics)


@pytest.fixture
def connection(kafka: Kafka) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=(kafka.bootstrap_servers,))


def keys(count: int) -> Iterator[str]:
    yield from (f"sms-{number}" for number in range(count))


async def read(reader: TopicReader, stretches: list[Stretch]) -> list[bytes | None]:
    return [record.key async for record in reader.records(stretches)]


async def test_it_gives_every_record_once_and_ends(office: Office, connection: KafkaConnection) -> None:
    await asyncio.to_thread(office.write, [letter_record(key) for key in keys(1500)])
    topic = office.topics[Destination.DEAD_LETTER]

    async with reading(connection) as reader:
        stretches = await reader.stretches(topic)
        first = await read(reader, stretches)
        second = await read(reader, stretches)

    assert sorted(first, key=str) == sorted((key.encode() for key in keys(1500)), key=str)
    assert sorted(second, key=str) == sorted(first, key=str)


async def test_an_empty_topic_has_nothing_to_read(office: Office, connection: KafkaConnection) -> None:
    async with reading(connection) as reader:
        stretches = await reader.stretches(office.topics[Destination.DEAD_LETTER])

        assert await read(reader, stretches) == []


async def test_it_finds_what_was_written_since_a_moment(office: Office, connection: KafkaConnection) -> None:
    old = [letter_record(key, received_at=NOW - timedelta(hours=2)) for key in ("a", "b", "c")]
    new = [letter_record(key, received_at=NOW) for key in ("d", "e")]
    await asyncio.to_thread(office.write, [*old, *new])

    async with reading(connection) as reader:
        stretches = await reader.stretches(
            office.topics[Destination.DEAD_LETTER], since_ms=milliseconds(NOW - timedelta(hours=1))
        )
        found = await read(reader, stretches)

    assert sorted(key or b"" for key in found) == [b"d", b"e"]


async def test_it_knows_how_far_back_what_stands_there_reaches(
    office: Office, connection: KafkaConnection, kafka: Kafka
) -> None:
    topic = office.topics[Destination.DEAD_LETTER]
    by_partition = {partition_of(key.encode(), PARTITIONS): key for key in keys(50)}
    records = [
        letter_record(by_partition[part], received_at=NOW - timedelta(hours=age)) for part in (0, 1) for age in (2, 1)
    ]
    await asyncio.to_thread(office.write, records)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for gone in admin.delete_records([TopicPartition(topic, 0, 1), TopicPartition(topic, 1, 2)]).values():
        await asyncio.to_thread(gone.result, 20)

    async with reading(connection) as reader:
        first, emptied, untouched = await reader.stretches(topic)

    assert first.reaches_back_ms == milliseconds(NOW - timedelta(hours=1))
    assert emptied.reaches_back_ms > milliseconds(NOW)
    assert untouched.reaches_back_ms == 0


async def test_a_key_leads_to_the_partition_that_kafkas_own_clients_choose(office: Office) -> None:
    await asyncio.to_thread(office.write, [letter_record(key) for key in keys(100)])

    for record in await asyncio.to_thread(office.read, Destination.DEAD_LETTER):
        assert record.partition == partition_of(record.key or b"", PARTITIONS)


async def test_a_missing_topic_is_one_sentence_and_stays_missing(connection: KafkaConnection, topics: Topics) -> None:
    name = topics.unused_name()

    async with reading(connection) as reader:
        with pytest.raises(TopicMissingError, match=f"Topic {name} is missing"):
            await reader.stretches(name)

    assert name not in await asyncio.to_thread(topics.names)


async def test_a_topic_that_our_user_may_see_and_not_read_is_one_sentence(guarded_kafka: GuardedKafka) -> None:
    topic = await asyncio.to_thread(guarded_kafka.create_topic)
    await asyncio.to_thread(guarded_kafka.grant_write, topic)

    async with reading(guarded_kafka.by_password) as reader:
        with pytest.raises(ClusterUnreachableError, match="our user needs the right Read on it") as refused:
            await read(reader, [Stretch(topic, 0, 0, 1)])

    assert refused.value.reason is Reason.NOT_AUTHORIZED
