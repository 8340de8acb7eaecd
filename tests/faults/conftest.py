"""Where the faults of Kafka happen: topics of each test's own on a broker that may be harmed, or on a guarded one."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import Cluster, names_of_topics
from tests.faults.tap import Tap
from tests.kafka.archive import archive_classes
from tests.kafka.broker import RealBroker
from tests.kafka.choice import Kafka
from tests.kafka.guarded import PASSWORD, USER, GuardedKafka
from tests.kafka.jars import Installation, KafkaUnavailableError, install
from tests.kafka.proxy import Network, Proxy, broker_behind_a_proxy
from tests.kafka.topics import Topics


@dataclass(frozen=True)
class Wire:
    """A broker, and the network that leads to it."""

    broker: RealBroker
    proxy: Proxy
    tap: Tap
    """Behind the proxy."""
    direct: str
    """An address that goes around both, for the test itself."""

    def place(self, *, partitions: int = 3) -> Cluster:
        """Make the three topics, reached through the network. Blocks."""
        topics = Topics(self.direct)
        names = names_of_topics()
        for name in names.values():
            topics.create(name, partitions=partitions)
        return Cluster(self.proxy.address, names)


@pytest.fixture(scope="session")
def installation() -> Installation:
    """The JVM and the jars; RELAY_REQUIRE_KAFKA=1 makes their absence a failure, else a skip."""
    try:
        installed = install()
    except KafkaUnavailableError as error:
        if os.environ.get("RELAY_REQUIRE_KAFKA") == "1":
            pytest.fail(f"no real Kafka: {error}", pytrace=False)
        pytest.skip(f"no real Kafka: {error}")
    archive_classes(installed)
    return installed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_wire(installation: Installation) -> AsyncIterator[Wire]:
    async with broker_behind_a_proxy(installation) as (broker, proxy, direct), Tap(proxy.target) as tap:
        proxy.target = tap.port
        yield Wire(broker, proxy, tap, direct)


@pytest_asyncio.fixture(loop_scope="module")
async def wire(shared_wire: Wire) -> AsyncIterator[Wire]:
    """A broker behind a network to harm; whole again after each test."""
    yield shared_wire
    shared_wire.proxy.delay_s = 0.0
    shared_wire.proxy.network = Network.FORWARD
    shared_wire.tap.forget()


@pytest.fixture
def placed(kafka: Kafka, topics: Topics) -> Cluster:
    """The three topics on a Kafka that nobody harms; each may be deleted."""
    names = names_of_topics()
    for name in names.values():
        topics.create(name, partitions=3)
    return Cluster(kafka.bootstrap_servers, names)


@pytest.fixture
def fragile(private_kafka: RealBroker, private_topics: Topics) -> Cluster:
    """The three topics on a broker to pause and kill (`private_kafka`)."""
    names = names_of_topics()
    for name in names.values():
        private_topics.create(name, partitions=3)
    return Cluster(private_kafka.bootstrap_servers, names)


@pytest.fixture
def guarded(guarded_kafka: GuardedKafka) -> Cluster:
    """The three topics, each with the right to write, on a broker that asks who one is."""
    names = {name: guarded_kafka.create_topic() for name in names_of_topics()}
    for topic in names.values():
        guarded_kafka.grant_write(topic)
    return Cluster(guarded_kafka.by_password.bootstrap_servers[0], names)


@pytest.fixture
def as_relay(guarded_kafka: GuardedKafka) -> dict[str, str]:
    """The settings with which the guarded broker lets the relay in."""
    return {
        "RELAY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "RELAY_KAFKA__SASL_USERNAME": USER,
        "RELAY_KAFKA__SASL_PASSWORD": PASSWORD,
        "RELAY_KAFKA__SSL_CAFILE": str(Path(guarded_kafka.folder) / "ca.pem"),
    }
