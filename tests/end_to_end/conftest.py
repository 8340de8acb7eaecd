"""Where the end-to-end tests run: on the embedded broker and on a real Kafka, each test with topics of its own."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from relay.demo.broker import EmbeddedBroker
from tests.kafka.broker import RealBroker
from tests.kafka.choice import Kafka
from tests.kafka.ports import free_ports
from tests.kafka.topics import Topics

PARTITIONS = 12


@dataclass(frozen=True)
class Cluster:
    """A Kafka with the relay's three topics under names of this test alone."""

    bootstrap_servers: str
    topics: dict[str, str]
    """By the setting's name: STATUS, OTHER, DEAD_LETTER."""


def names_of_topics() -> dict[str, str]:
    unique = uuid.uuid4().hex[:12]
    return {name: f"{unique}.{name.lower().replace('_', '-')}" for name in ("STATUS", "OTHER", "DEAD_LETTER")}


def _made(make: Callable[[str], object]) -> dict[str, str]:
    names = names_of_topics()
    for name in names.values():
        make(name)
    return names


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.kafka)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The embedded broker, then a real Kafka."""
    if request.param == "embedded":
        embedded: EmbeddedBroker = request.getfixturevalue("embedded")
        made = _made(lambda name: embedded.create_topic(name, partitions=PARTITIONS))
        return Cluster(embedded.bootstrap_servers, made)
    kafka: Kafka = request.getfixturevalue("kafka")
    topics: Topics = request.getfixturevalue("topics")
    return Cluster(kafka.bootstrap_servers, _made(lambda name: topics.create(name, partitions=PARTITIONS)))


@pytest.fixture
def fragile(private_kafka: RealBroker, private_topics: Topics) -> Cluster:
    """A real Kafka that may be paused and killed (`private_kafka`)."""
    return Cluster(private_kafka.bootstrap_servers, _made(lambda name: private_topics.create(name, partitions=3)))


@pytest.fixture
def without_kafka() -> Cluster:
    """Nobody listens there."""
    (port,) = free_ports(1)
    return Cluster(f"127.0.0.1:{port}", names_of_topics())


@pytest.fixture
def without_topics(private_kafka: RealBroker) -> Cluster:
    """The same, but the topics do not exist."""
    return Cluster(private_kafka.bootstrap_servers, names_of_topics())
