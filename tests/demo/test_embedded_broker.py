"""The embedded broker speaks enough of the protocol for the demo and for quick tests."""

import socket
import sys
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from relay.demo.broker import EmbeddedBroker, EmbeddedBrokerError
from tests.kafka.reader import NoSuchTopicError, read_topic


@pytest.fixture
def topic(embedded: EmbeddedBroker) -> str:
    name = f"embedded.{uuid.uuid4().hex}"
    embedded.create_topic(name, partitions=12)
    return name


async def test_a_record_comes_back_with_its_key_headers_and_timestamp(embedded: EmbeddedBroker, topic: str) -> None:
    headers = [("ce_id", b"1"), ("ce_id", b"2"), ("empty", b"")]

    async with AIOKafkaProducer(bootstrap_servers=embedded.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, b"value", key=b"key", headers=headers, timestamp_ms=1_700_000_000_123)

    [record] = await read_topic(embedded.bootstrap_servers, topic)
    assert (record.key, record.value, record.headers) == (b"key", b"value", headers)
    assert record.timestamp_ms == 1_700_000_000_123


async def test_a_topic_has_the_partitions_asked_for(embedded: EmbeddedBroker, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=embedded.bootstrap_servers, acks="all") as producer:
        for partition in range(12):
            await producer.send_and_wait(topic, str(partition).encode(), partition=partition)

        assert await producer.partitions_for(topic) == set(range(12))

    records = await read_topic(embedded.bootstrap_servers, topic)
    assert [(record.partition, record.value) for record in records] == [(n, str(n).encode()) for n in range(12)]


async def test_a_tombstone_comes_back_as_one(embedded: EmbeddedBroker, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=embedded.bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, None, key=b"key")

    [record] = await read_topic(embedded.bootstrap_servers, topic)
    assert record.value is None


async def test_the_reader_creates_no_topic_by_asking(embedded: EmbeddedBroker) -> None:
    name = f"embedded.{uuid.uuid4().hex}"

    for _ in range(2):
        with pytest.raises(NoSuchTopicError, match=name):
            await read_topic(embedded.bootstrap_servers, name)


def test_a_topic_is_made_once(embedded: EmbeddedBroker, topic: str) -> None:
    with pytest.raises(EmbeddedBrokerError, match=rf"did not make the topic {topic} .*exists"):
        embedded.create_topic(topic, partitions=1)


def test_each_broker_has_an_address_of_its_own() -> None:
    with EmbeddedBroker(brokers=3) as broker:
        addresses = broker.bootstrap_servers.split(",")

        assert len(set(addresses)) == 3
        assert all(address.startswith("127.0.0.1:") for address in addresses)


def test_nobody_listens_after_close() -> None:
    broker = EmbeddedBroker()
    broker.start()
    host, port = broker.bootstrap_servers.split(":")

    broker.close()
    broker.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_closed_broker_says_that_it_does_not_run() -> None:
    broker = EmbeddedBroker()

    with pytest.raises(EmbeddedBrokerError, match="start it first"):
        _ = broker.bootstrap_servers


def test_a_running_broker_is_not_started_twice() -> None:
    with EmbeddedBroker() as broker, pytest.raises(EmbeddedBrokerError, match="runs already"):
        broker.start()


def test_it_can_be_started_again_after_close() -> None:
    broker = EmbeddedBroker()
    broker.start()
    broker.close()

    with broker:
        broker.create_topic("again", partitions=1)


def test_it_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        broker.create_topic("quiet", partitions=1)

    assert capfd.readouterr() == ("", "")


def test_without_confluent_kafka_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka.cimpl", None)

    with pytest.raises(EmbeddedBrokerError, match=r"install sofy-relay\[demo\]\.$"):
        EmbeddedBroker().start()
