"""Where all is measured: a Kafka with topics, and the servers on it as they run in earnest."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, TopicPartition

from relay.demo.broker import EmbeddedBroker
from tests.benchmark.machine import Cores
from tests.benchmark.measuring import Source
from tests.benchmark.server import Server, python
from tests.kafka.archive import archive_classes
from tests.kafka.broker import RealBroker
from tests.kafka.jars import install
from tests.kafka.ports import free_ports
from tests.kafka.topics import Topics

_JVM: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")
"""As in earnest: the JVM's own compilers, C2 among them."""
_LITTLE_DISK: Final = {
    "log.segment.bytes": "16777216",
    "log.retention.bytes": "67108864",
    "log.retention.check.interval.ms": "10000",
    "log.initial.task.delay.ms": "5000",
}
PARTITIONS: Final = 12
TOKEN: Final = "tok-bench-1"
SECRET: Final = "sec-bench-1"
_SAMPLE: Final = 1_000


class MakesTopics(Protocol):
    """Makes a topic of a name that nobody used before."""

    def __call__(self, name: str, partitions: int) -> None:
        """Make it."""


@dataclass(slots=True)
class Stand:
    """A Kafka, and what it takes to put servers on it."""

    kafka: str
    """What it is, for the reader."""
    servers: str
    cores: Cores
    _make_topic: MakesTopics
    source: Source = field(default_factory=Source)
    _topics: int = 0

    def topic(self, name: str, partitions: int = PARTITIONS) -> str:
        """Make a topic whose name begins with `name`; give the whole of it."""
        self._topics += 1
        whole = f"bench.{self._topics}.{name}"
        self._make_topic(whole, partitions)
        return whole

    @contextmanager
    def relay(self, *, partitions: int = PARTITIONS, accounts: int = 1, **settings: str) -> Iterator["RelayServer"]:
        """Run `relay serve` until the end of the block; it is ready when the block begins."""
        webhook_port, admin_port = free_ports(2)
        topics = {name: self.topic(name.lower(), partitions) for name in ("STATUS", "OTHER", "DEAD_LETTER")}
        tokens = [TOKEN, *(f"{TOKEN}-{number}" for number in range(2, accounts + 1))]
        others = {f"account-{number}": {"tokens": [token]} for number, token in enumerate(tokens[1:], 2)}
        environment = {
            "RELAY_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "RELAY_SOFY__TOKENS": json.dumps(tokens[:1]),
            "RELAY_SOFY__ACCOUNTS": json.dumps(others),
            "RELAY_HTTP__HOST": "127.0.0.1",
            "RELAY_HTTP__PORT": str(webhook_port),
            "RELAY_ADMIN__HOST": "127.0.0.1",
            "RELAY_ADMIN__PORT": str(admin_port),
            "RELAY_TOPICS__PARTITIONS": str(partitions),
            **{f"RELAY_TOPICS__{name}": topic for name, topic in topics.items()},
            **settings,
        }
        admin = f"http://127.0.0.1:{admin_port}"
        with Server(
            python("-m", "relay", "serve"),
            environment,
            cores=self.cores,
            url=f"http://127.0.0.1:{webhook_port}",
            ready=f"{admin}/readyz",
        ) as server:
            paths = [f"/webhooks/sofy/{token}" for token in tokens]
            yield RelayServer(server, paths, topics["STATUS"], f"{admin}/metrics", server.resident_mib)

    @contextmanager
    def bare(self, module: str, *arguments: str) -> Iterator[Server]:
        """Run a floor of HTTP, `bare_asgi` or `bare_both`, until the end of the block."""
        (port,) = free_ports(1)
        command = python("-m", f"tests.benchmark.{module}", str(port), *arguments)
        with Server(command, {}, cores=self.cores, url=f"http://127.0.0.1:{port}") as server:
            yield server

    def mean_record_bytes(self, topic: str) -> int:
        """Give the mean size of a topic's first records: key, value and headers."""
        return asyncio.run(_mean_record_bytes(self.servers, topic))


@dataclass(frozen=True, slots=True)
class RelayServer:
    """A relay under measurement."""

    server: Server
    paths: Sequence[str]
    """One an account."""
    status_topic: str
    _metrics: str
    idle_mib: float
    """Memory when it had become ready."""

    @property
    def remembered_ids(self) -> int:
        """How many ids its duplicate window holds."""
        with urlopen(self._metrics, timeout=10) as answer:  # noqa: S310 - our own address
            return remembered_ids(answer.read().decode())


def remembered_ids(metrics: str) -> int:
    """Read the size of the duplicate window from a relay's metrics."""
    found = re.search(r"^sofy_relay_duplicate_window_entries ([0-9.e+]+)$", metrics, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


@contextmanager
def real_kafka(cores: Cores) -> Iterator[Stand]:
    """Give a stand with a local Apache Kafka, off the server's core.

    Raises:
        tests.kafka.jars.KafkaUnavailableError: no Java 17, or neither a filled cache nor a Maven that answers.
        tests.kafka.broker.BrokerError: it did not start.
    """
    cores.leave_server_alone()
    installation = install()
    archive_classes(installation)
    with RealBroker(installation, jvm=_JVM, properties=_LITTLE_DISK) as broker:
        topics = Topics(broker.bootstrap_servers)

        def make(name: str, partitions: int) -> None:
            topics.create(name, partitions=partitions)

        yield Stand(f"Apache Kafka {broker.version}", broker.bootstrap_servers, cores, make)


@contextmanager
def embedded_kafka(cores: Cores) -> Iterator[Stand]:
    """Give a stand with the embedded broker, off the server's core."""
    cores.leave_server_alone()
    with EmbeddedBroker() as broker:

        def make(name: str, partitions: int) -> None:
            broker.create_topic(name, partitions=partitions)

        yield Stand("the embedded broker", broker.bootstrap_servers, cores, make)


async def _mean_record_bytes(servers: str, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        sizes: list[int] = []
        async with asyncio.timeout(20):
            while len(sizes) < _SAMPLE:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    sizes += [
                        len(record.key or b"")
                        + len(record.value or b"")
                        + sum(len(name) + len(value) for name, value in record.headers)
                        for record in batch
                    ]
    finally:
        await consumer.stop()
    return round(sum(sizes) / len(sizes))
