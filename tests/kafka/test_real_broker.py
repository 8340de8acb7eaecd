"""The harness itself: a real broker can be reached, frozen, killed and brought back, and creates no topics unasked."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.kafka.broker import BrokerError, Ports, PortTakenError, RealBroker
from tests.kafka.choice import Kafka
from tests.kafka.jars import KafkaUnavailableError, install
from tests.kafka.ports import free_ports
from tests.kafka.reader import NoSuchTopicError, read_topic
from tests.kafka.topics import TopicError, Topics

pytestmark = pytest.mark.kafka

PROJECT = Path(__file__).parents[2]


def producer_for(bootstrap_servers: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", request_timeout_ms=1500)


async def send(bootstrap_servers: str, topic: str, value: bytes) -> None:
    async with producer_for(bootstrap_servers) as producer:
        await producer.send_and_wait(topic, value, key=b"key", headers=[("a", b"1"), ("a", b"2")])


async def test_a_record_comes_back_with_its_key_and_headers(kafka: Kafka, topics: Topics) -> None:
    topic = topics.create(partitions=3)

    await send(kafka.bootstrap_servers, topic, b"value")

    [record] = await read_topic(kafka.bootstrap_servers, topic)
    assert (record.key, record.value, record.headers) == (b"key", b"value", [("a", b"1"), ("a", b"2")])


async def test_an_empty_topic_reads_as_no_records(kafka: Kafka, topics: Topics) -> None:
    topic = topics.create(partitions=3)

    assert await read_topic(kafka.bootstrap_servers, topic) == []


async def test_a_missing_topic_stays_missing_after_produce_attempts(kafka: Kafka, topics: Topics) -> None:
    topic = topics.unused_name()

    with pytest.raises(KafkaError):
        await send(kafka.bootstrap_servers, topic, b"value")

    assert topic not in topics.names()
    with pytest.raises(NoSuchTopicError):
        await read_topic(kafka.bootstrap_servers, topic)


def test_a_topic_is_made_with_its_settings(topics: Topics) -> None:
    topics.create(partitions=2, settings={"max.message.bytes": "1000"})

    with pytest.raises(TopicError, match="retention"):
        topics.create(settings={"retention.ms": "soon"})


async def test_a_paused_broker_keeps_connections_and_answers_after_resume(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    topic = private_topics.create()
    async with producer_for(private_kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(topic, b"before")

        private_kafka.pause()
        try:
            unanswered = await producer.send(topic, b"while paused")
            done, _ = await asyncio.wait({unanswered}, timeout=0.3)
        finally:
            private_kafka.resume()
        await unanswered

    assert not done
    values = [record.value for record in await read_topic(private_kafka.bootstrap_servers, topic)]
    assert values[0] == b"before"
    assert b"while paused" in values


async def test_a_killed_broker_comes_back_on_its_port_with_its_records(
    private_kafka: RealBroker, private_topics: Topics
) -> None:
    topic = private_topics.create()
    address = private_kafka.bootstrap_servers
    await send(address, topic, b"before")

    await asyncio.to_thread(private_kafka.kill)
    host, port = address.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    await asyncio.to_thread(private_kafka.start)

    assert private_kafka.bootstrap_servers == address
    await send(address, topic, b"after")
    assert [record.value for record in await read_topic(address, topic)] == [b"before", b"after"]


async def test_a_restarted_broker_keeps_its_records(private_kafka: RealBroker, private_topics: Topics) -> None:
    topic = private_topics.create()
    await send(private_kafka.bootstrap_servers, topic, b"before")

    await asyncio.to_thread(private_kafka.restart)

    assert [record.value for record in await read_topic(private_kafka.bootstrap_servers, topic)] == [b"before"]


def test_a_running_broker_is_not_started_twice_and_goes_on(private_kafka: RealBroker, private_topics: Topics) -> None:
    with pytest.raises(BrokerError, match="runs already"):
        private_kafka.start()

    assert private_topics.brokers() == 1


@pytest.mark.usefixtures("private_kafka")  # so that whether a local broker can be had is known
def test_a_taken_port_is_told_with_the_last_lines_of_the_log() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = RealBroker(install(), ports=Ports(taken.getsockname()[1], *free_ports(1)))
        try:
            with pytest.raises(PortTakenError, match=r"(?s)ended while it started.*Address already in use"):
                broker.start()
        finally:
            broker.close()


@pytest.mark.usefixtures("private_kafka")
def test_a_broker_dies_with_the_process_that_started_it() -> None:
    script = """
from tests.kafka.broker import RealBroker
from tests.kafka.jars import install
broker = RealBroker(install())
broker.launch()
print(broker.pid, flush=True)
input()
"""
    with subprocess.Popen(  # noqa: S603 - our own arguments only
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    ) as starter:
        assert starter.stdout is not None
        broker = os.pidfd_open(int(starter.stdout.readline()))

        starter.send_signal(signal.SIGKILL)
        starter.wait()

        ended, _, _ = select.select([broker], [], [], 20.0)
        os.close(broker)
    assert ended


def test_a_machine_without_java_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    with pytest.raises(KafkaUnavailableError, match="no java in JAVA_HOME"):
        install()
