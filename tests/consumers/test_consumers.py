"""Strangers' clients read the relay's records from a real Kafka, each in a few lines.

What they print is compared with a reference: every change of every SMS, the end, and the counts.
"""

import asyncio
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.structs import RecordMetadata
from confluent_kafka import Consumer, TopicPartition

from relay.events import Status
from relay.publishing.connection import KafkaConnection
from relay.publishing.producer import RunningProducer
from tests.consumers import programs
from tests.consumers.facts import Told, cases, event, lives, told
from tests.consumers.programs import BUILDERS, Programs, ToolMissingError
from tests.consumers.reference import Expected, Stored, expected
from tests.kafka.choice import Kafka
from tests.kafka.jars import pinned_version
from tests.kafka.topics import Topics

pytestmark = [pytest.mark.consumers, pytest.mark.kafka]

HERE = Path(__file__).parent
PARTITIONS = 12
SMS = 1000
LOGIC = {
    "python": ["python/consumer.py"],
    "java": ["java/src/main/java/Event.java", "java/src/main/java/States.java"],
    "go": ["go/consumer/event.go", "go/consumer/states.go"],
}
"""What a consumer itself has to get right. In Java and Go reading arguments, connecting and printing are apart."""


@dataclass(frozen=True)
class Published:
    """A status topic that the relay's own producer wrote."""

    servers: str
    topic: str
    stored: Sequence[Stored]
    partition_of: dict[str, int]
    """By key: where our partitioner put it."""

    @property
    def expected(self) -> Expected:
        return expected(self.stored)


class Places:
    """Where each record lies, by its number."""

    def __init__(self) -> None:
        self.found: dict[int, RecordMetadata] = {}

    def acknowledged(self, tickets: Sequence[int], first: RecordMetadata) -> None:
        places = enumerate(tickets, start=first.offset)
        self.found.update((number, first._replace(offset=offset)) for offset, number in places)

    def failed(self, tickets: Sequence[int], error: BaseException) -> None:
        raise AssertionError(tickets) from error


async def publish(servers: str, topic: str, facts: Sequence[Told]) -> Published:
    places = Places()
    producer = await RunningProducer.start(KafkaConnection(bootstrap_servers=tuple(servers.split(","))))
    for number, fact in enumerate(facts):
        producer.publish(topic, fact.record, number, places)
    await producer.stop(30.0)
    pairs = [(fact, places.found[number]) for number, fact in enumerate(facts)]
    return Published(
        servers,
        topic,
        [Stored(place.partition, place.offset, fact.event) for fact, place in pairs],
        {(fact.record.key or b"").decode(): place.partition for fact, place in pairs},
    )


@pytest.fixture(scope="module")
def module_topics(kafka: Kafka) -> Iterator[Topics]:
    made = Topics(kafka.bootstrap_servers, prefix="consumers")
    yield made
    if kafka.outlives_tests:
        made.delete_all()


@pytest.fixture(scope="module")
def published(kafka: Kafka, module_topics: Topics) -> Published:
    """All cases and many lives, on as many partitions as the relay makes."""
    facts = [one for case in cases() for one in case.told] + lives(seed=1, count=SMS)
    return asyncio.run(publish(kafka.bootstrap_servers, module_topics.create(partitions=PARTITIONS), facts))


@pytest.fixture(scope="module", params=BUILDERS)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(language: str) -> Programs:
    """Build the programs; skip where the language is missing."""
    with needed_tools():
        return BUILDERS[language]()


@contextmanager
def needed_tools() -> Iterator[None]:
    """Skip with what is to be installed; RELAY_REQUIRE_CONSUMERS=1 makes the skip a failure."""
    try:
        yield
    except ToolMissingError as error:
        if os.environ.get("RELAY_REQUIRE_CONSUMERS") == "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


def test_it_prints_every_change_and_ends_with_the_state_that_the_comparison_gives(
    built: Programs, published: Published
) -> None:
    wanted = published.expected
    group = f"group-{uuid.uuid4()}"

    found = programs.consume(built.consumer, published.servers, published.topic, group, wanted.read)

    assert found.snapshot == wanted.snapshot
    assert found.changes == wanted.changes
    assert (found.read, found.duplicates, found.unreadable) == (wanted.read, wanted.duplicates, wanted.unreadable)
    assert committed(published, group) == wanted.read


def committed(published: Published, group: str) -> int:
    """How many records the group committed."""
    consumer = Consumer({"bootstrap.servers": published.servers, "group.id": group})
    partitions = [TopicPartition(published.topic, number) for number in range(PARTITIONS)]
    try:
        return sum(max(partition.offset, 0) for partition in consumer.committed(partitions, timeout=10))
    finally:
        consumer.close()


@pytest.mark.parametrize(("window", "recognised"), [(2, 1), (3, 2)])
def test_it_remembers_so_many_ids_and_a_forgotten_one_does_no_harm(
    built: Programs, forgettable: Published, window: int, recognised: int
) -> None:
    wanted = forgettable.expected
    group = f"group-{uuid.uuid4()}"

    found = programs.consume(built.consumer, forgettable.servers, forgettable.topic, group, wanted.read, window)

    assert found.snapshot == wanted.snapshot
    assert found.changes == wanted.changes
    assert found.duplicates == recognised


@pytest.fixture(scope="module")
def forgettable(kafka: Kafka, module_topics: Topics) -> Published:
    """Two facts of an SMS are told again after others, the second of which is its state: the state knows that one."""
    sent, delivered = told(event("sms", Status.SENT, 1)), told(event("sms", Status.DELIVERED, 2))
    others = [told(event(sms_id, Status.SENT, 1)) for sms_id in ("second", "third")]
    facts = [sent, delivered, others[0], sent, others[1], delivered]
    return asyncio.run(publish(kafka.bootstrap_servers, module_topics.create(), facts))


def test_its_own_partitioner_puts_each_of_our_keys_where_ours_does(
    built: Programs, published: Published, module_topics: Topics
) -> None:
    copy = module_topics.create(partitions=PARTITIONS)

    copied = programs.copy(built.copartition, published.servers, published.topic, copy, len(published.stored))

    assert {one["key"]: one["written"] for one in copied} == published.partition_of
    assert all(one["read"] == one["written"] for one in copied)
    assert len(published.partition_of) > SMS
    assert set(published.partition_of.values()) == set(range(PARTITIONS))


def test_it_takes_fewer_than_sixty_lines(language: str) -> None:
    lines = [line for file in LOGIC[language] for line in lines_of_code(HERE / file)]

    assert len(lines) < 60


def lines_of_code(file: Path) -> list[str]:
    """The lines of a source less blank ones, comments, docstrings and imports."""
    text = re.sub(
        r'"""(?s:.*?)"""|/\*(?s:.*?)\*/|(?s:^(?:from \S+ )?import \(.*?\)$)', "", file.read_text(), flags=re.MULTILINE
    )
    return [
        line for line in text.splitlines() if line.strip() and not re.match(r"\s*(#|//|import |from |package )", line)
    ]


def test_the_java_client_is_of_the_brokers_version() -> None:
    pom = (HERE / "java" / "pom.xml").read_text()

    assert f"<kafka.version>{pinned_version()}</kafka.version>" in pom


def test_the_go_sources_are_formatted_and_vetted() -> None:
    with needed_tools():
        unformatted = programs.go_command("-l", ".", tool="gofmt")
        programs.go_command("vet", "./...")

    assert unformatted == ""
