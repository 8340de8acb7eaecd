"""Three real brokers as one cluster on this machine, of which any one may be paused, killed or restarted."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from confluent_kafka import ElectionType
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import TopicPartition

from tests.kafka.archive import archive_classes
from tests.kafka.broker import QUICK_FAULTS, BrokerError, Ports, RealBroker, new_cluster_id
from tests.kafka.jars import Installation, install
from tests.kafka.ports import free_ports

WITHIN_S = 30.0
_POLL_S = 0.05
_NO_LEADER = -1


class RealCluster:
    """Combined broker-and-controller nodes with one quorum: one of three may be away, two may not.

    Every method blocks, for up to seconds: from a coroutine call it by `asyncio.to_thread`. One caller at a time.

    Args:
        installation: the JVM and the jars.
        nodes: how many.
        properties: of every node; by default those with which a fault is noticed soon, `{}` for the broker's own.
    """

    def __init__(
        self, installation: Installation, *, nodes: int = 3, properties: Mapping[str, str] | None = None
    ) -> None:
        ports = free_ports(2 * nodes)
        places = {number: Ports(ports[2 * number - 2], ports[2 * number - 1]) for number in range(1, nodes + 1)}
        cluster_id = new_cluster_id()
        replicas = str(min(3, nodes))
        common = {
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.replication.factor": replicas,
            "share.coordinator.state.topic.replication.factor": replicas,
            "auto.leader.rebalance.enable": "false",  # leaders move when a test says so
            "controlled.shutdown.enable": "true",
            **(QUICK_FAULTS if properties is None else properties),
        }
        self.nodes = tuple(
            RealBroker(
                installation,
                ports=place,
                properties=common,
                node_id=number,
                cluster_id=cluster_id,
                voters=",".join(f"{id_}@127.0.0.1:{other.controller}" for id_, other in places.items()),
                brokers=nodes,
            )
            for number, place in places.items()
        )
        """Node 1 first."""

    @property
    def bootstrap_servers(self) -> str:
        """All nodes' addresses."""
        return ",".join(node.bootstrap_servers for node in self.nodes)

    def __enter__(self) -> Self:
        """Start; see `start`."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start every node and wait until each of them sees all.

        Raises:
            BrokerError: one did not start.
        """
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every node and remove its data."""
        with ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.close)

    def node(self, number: int) -> RealBroker:
        """Give the node of this id."""
        return self.nodes[number - 1]

    def leader_of(self, topic: str, partition: int = 0) -> int:
        """Give the id of the node that leads a partition; -1: none does. Asks the nodes that run."""
        listed = self._admin().list_topics(timeout=WITHIN_S).topics[topic]
        return listed.partitions[partition].leader

    def replicas_of(self, topic: str, partition: int = 0) -> list[int]:
        """Give the ids of the nodes that hold a partition, the preferred leader first."""
        listed = self._admin().list_topics(timeout=WITHIN_S).topics[topic]
        return list(listed.partitions[partition].replicas)

    def in_sync(self, topic: str, partition: int = 0) -> set[int]:
        """Give the ids of the nodes whose replica of a partition is in sync."""
        listed = self._admin().list_topics(timeout=WITHIN_S).topics[topic]
        return set(listed.partitions[partition].isrs)

    def elect_preferred(self, topic: str, partition: int = 0) -> None:
        """Make the first replica the leader again, in order, as Kafka does after a restart; wait until it leads.

        Raises:
            BrokerError: it does not within `WITHIN_S`.
        """
        place = TopicPartition(topic, partition)
        admin = self._admin()  # kept until it is answered
        admin.elect_leaders(ElectionType.PREFERRED, [place]).result(WITHIN_S)
        self.until_led(topic, partition, by=self.replicas_of(topic, partition)[0])

    def until_led(self, topic: str, partition: int = 0, *, by: int | None = None, other_than: int | None = None) -> int:
        """Wait until a partition has a leader, that one or any but that one; give its id.

        Raises:
            BrokerError: it has not within `WITHIN_S`.
        """
        deadline = time.monotonic() + WITHIN_S
        while (leader := self.leader_of(topic, partition)) in {_NO_LEADER, other_than} or leader != (by or leader):
            if time.monotonic() > deadline:
                message = f"Partition {partition} of {topic} is led by {leader} after {WITHIN_S:.0f} s."
                raise BrokerError(message)
            time.sleep(_POLL_S)
        return leader

    def until_in_sync(self, topic: str, partition: int = 0, *, replicas: int) -> None:
        """Wait until so many replicas of a partition are in sync.

        Raises:
            BrokerError: they are not within `WITHIN_S`.
        """
        deadline = time.monotonic() + WITHIN_S
        while len(self.in_sync(topic, partition)) != replicas:
            if time.monotonic() > deadline:
                message = f"Partition {partition} of {topic} has no {replicas} replicas in sync after {WITHIN_S:.0f} s."
                raise BrokerError(message)
            time.sleep(_POLL_S)

    def _admin(self) -> AdminClient:
        running = ",".join(node.bootstrap_servers for node in self.nodes if node.pid is not None)
        return AdminClient({"bootstrap.servers": running}, logger=logging.getLogger(__name__))


@contextmanager
def local_cluster(*, nodes: int = 3, properties: Mapping[str, str] | None = None) -> Iterator[RealCluster]:
    """Give a started cluster; it ends with the block.

    Raises:
        KafkaUnavailableError: no Java 17, or neither a filled cache nor a Maven that answers.
    """
    installation = install()
    archive_classes(installation)
    with RealCluster(installation, nodes=nodes, properties=properties) as cluster:
        yield cluster
