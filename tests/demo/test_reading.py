"""Reading along: everything written after the reader was opened, nothing else, and no topic made by asking."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from relay.demo.broker import EmbeddedBroker
from relay.demo.reading import Found, ReadingError, TopicsReader
from relay.events.record import Destination
from relay.publishing.cluster import read_cluster
from relay.publishing.connection import KafkaConnection


@pytest.fixture
def topics(embedded: EmbeddedBroker) -> dict[Destination, str]:
    names = {destination: f"reading.{destination}.{uuid.uuid4().hex}" for destination in Destination}
    for name in names.values():
        embedded.create_topic(name, partitions=3)
    return names


async def test_every_record_after_the_opening_is_found(
    embedded: EmbeddedBroker, topics: dict[Destination, str]
) -> None:
    found: list[Found] = []
    stop = asyncio.Event()
    async with AIOKafkaProducer(bootstrap_servers=embedded.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topics[Destination.STATUS], b"before", partition=0)

        reader = await TopicsReader.open(_connection(embedded), topics, found.append)
        following = asyncio.create_task(reader.follow(stop))
        for partition in range(3):
            await producer.send_and_wait(topics[Destination.STATUS], b"status", partition=partition)
        await producer.send_and_wait(
            topics[Destination.DEAD_LETTER], b"letter", key=b"k", headers=[("relay-reason", b"invalid_json")]
        )
        stop.set()
        await following
        await producer.send_and_wait(topics[Destination.OTHER], b"late", partition=0)
        await reader.finish(10)
        await reader.close()

    assert sorted((each.destination, each.value) for each in found) == [
        (Destination.DEAD_LETTER, b"letter"),
        (Destination.OTHER, b"late"),
        *[(Destination.STATUS, b"status")] * 3,
    ]
    [letter] = [each for each in found if each.destination is Destination.DEAD_LETTER]
    assert (letter.key, letter.headers) == (b"k", {"relay-reason": b"invalid_json"})


async def test_a_missing_topic_is_named_and_not_made(embedded: EmbeddedBroker, topics: dict[Destination, str]) -> None:
    missing = f"reading.missing.{uuid.uuid4().hex}"

    with pytest.raises(ReadingError, match=missing):
        await TopicsReader.open(_connection(embedded), {**topics, Destination.OTHER: missing}, lambda _found: None)

    assert missing not in (await read_cluster(_connection(embedded))).topics


async def test_a_broker_that_went_away_leaves_the_end_unread() -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("status", partitions=1)
        reader = await TopicsReader.open(_connection(broker), {Destination.STATUS: "status"}, lambda _found: None)

    with pytest.raises(ReadingError, match="not be read to their end"):
        await reader.finish(0.5)

    await reader.close()


def _connection(broker: EmbeddedBroker) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=(broker.bootstrap_servers,))
