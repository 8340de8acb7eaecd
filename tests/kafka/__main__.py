"""`python -m tests.kafka`: a real local Kafka in the foreground, with the relay's topics, to develop against."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from relay.settings import TopicSettings
from tests.kafka.archive import archive_classes
from tests.kafka.broker import BrokerError, Ports, PortTakenError, RealBroker
from tests.kafka.jars import KafkaUnavailableError, install
from tests.kafka.ports import free_ports
from tests.kafka.topics import TopicError, Topics

_MOST_REPLICAS = 3
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic of the relay's, as this one-node cluster should make it."""

    name: str
    partitions: int
    settings: dict[str, str]


def wanted_topics(settings: TopicSettings) -> Iterator[WantedTopic]:
    """The relay's four topics; the only place here that knows what they are."""
    largest = {"max.message.bytes": str(int(settings.max_message_bytes))}
    kept_for = {
        settings.status: settings.status_retention_h,
        settings.other: settings.other_retention_h,
        settings.dead_letter: settings.dead_letter_retention_h,
    }
    for name, hours in kept_for.items():
        yield WantedTopic(name, settings.partitions, {**largest, "retention.ms": str(hours * _HOUR_MS)})
    yield WantedTopic(settings.latest, settings.partitions, {**largest, "cleanup.policy": "compact"})


def run(port: int, wanted: list[WantedTopic]) -> None:
    """Run a broker on `port`, make the topics, say how to use it, and wait for SIGINT or SIGTERM.

    Raises:
        KafkaUnavailableError: no Java or no jars.
        BrokerError: it did not start.
        TopicError: a topic could not be made.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    installation = install()
    archive_classes(installation)
    with RealBroker(installation, ports=Ports(port, *free_ports(1))) as broker:
        if not ended.is_set():
            _make(broker, wanted)
            _say(
                f"Apache Kafka {broker.version} listens on {broker.bootstrap_servers}. Point the relay at it:",
                f"  export RELAY_KAFKA__BOOTSTRAP_SERVERS={broker.bootstrap_servers}",
                "Ctrl-C ends it; its records go with it.",
            )
        ended.wait()
        broker.stop()
    _say("Kafka has ended.")


def _make(broker: RealBroker, wanted: list[WantedTopic]) -> None:
    topics = Topics(broker.bootstrap_servers)
    replicas = min(_MOST_REPLICAS, topics.brokers())
    there = topics.names()
    for topic in wanted:
        if topic.name not in there:
            settings = {**topic.settings, "min.insync.replicas": str(min(2, replicas))}
            topics.create(topic.name, partitions=topic.partitions, replicas=replicas, settings=settings)
            _say(f"Made the topic {topic.name}: {topic.partitions} partitions, replicas: {replicas}.")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kafka", description=__doc__)
    parser.add_argument("--port", type=int, default=9092, help="where clients connect on 127.0.0.1 (default 9092)")
    port: int = parser.parse_args().port
    try:
        run(port, list(wanted_topics(TopicSettings())))
    except PortTakenError:
        sys.exit(f"No Kafka: somebody listens on 127.0.0.1:{port} already. Choose another with --port.")
    except (KafkaUnavailableError, BrokerError, TopicError) as error:
        sys.exit(f"No Kafka: {error}")


if __name__ == "__main__":
    main()
