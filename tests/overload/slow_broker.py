"""A Kafka of a fixed latency: how much a relay can take is then set by its admission, not by the machine."""

import math
import uuid
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

from tests.end_to_end.conftest import Cluster

_ANSWER_WITHIN_S = 20.0


class SlowBroker:
    """An embedded broker whose every answer takes `round_trip_s`. A context manager; blocks for a few round trips.

    A producer has one request under way to a broker, so a record waits for one to two round trips.
    """

    def __init__(self, *, round_trip_s: float) -> None:
        self.round_trip_s = round_trip_s
        self._owner: Producer | None = None

    def __enter__(self) -> Self:
        milliseconds = math.ceil(self.round_trip_s * 1000)
        # The cluster lives as long as the client that it was made with; log level 0: its words are not the relay's.
        self._owner = Producer({"test.mock.num.brokers": 1, "test.mock.broker.rtt": milliseconds, "log_level": 0})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owner = None

    def cluster(self) -> Cluster:
        """Make the relay's three topics under new names; asking for one by name is how this broker makes it."""
        assert self._owner is not None
        unique = uuid.uuid4().hex[:12]
        topics = {name: f"{unique}.{name.lower()}" for name in ("STATUS", "OTHER", "DEAD_LETTER")}
        for topic in topics.values():
            self._owner.list_topics(topic, timeout=_ANSWER_WITHIN_S)
        (broker,) = self._owner.list_topics(timeout=_ANSWER_WITHIN_S).brokers.values()
        return Cluster(f"{broker.host}:{broker.port}", topics)
