"""The port: what the relay asks of a publisher, and what a publisher reports.

Adapters: `relay.publishing.kafka` (Kafka), and an in-memory one in the tests. The same contract
suite runs against all of them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from relay.events.record import Destination, Record
from relay.reasons import Reason


class NotPublishedError(Exception):
    """A record that the publisher could not make durable, with the reason.

    It was not handed over, so it will not become a record.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


Settled = Callable[[Reason | None], None]
"""Told once what became of a record: None is durable, a reason is not known to be. Must not raise."""


class Publisher(Protocol):
    """Makes records durable, in the order given per key."""

    @property
    def unavailable(self) -> Reason | None:
        """Why a record would be refused at this moment, or None. Costs nothing; never blocks."""

    def full_behind(self, webhooks: int) -> bool:
        """Whether so many webhooks more, as large as the last ones, will be too much in flight.

        An estimate, for webhooks that are at hand but not handed over. Costs nothing; never blocks.
        """

    def publish(self, records: Sequence[tuple[Record, Settled]]) -> None:
        """Hand records to the producer, all or none, in their order; each one's outcome is told once it is known.

        Never blocks, and tells no outcome within the call. Acknowledged is what all in-sync replicas have (acks=all).
        Who cannot wait any longer goes away; the outcomes still come.

        Raises:
            NotPublishedError: at once, when certainly none was handed over, for a reason that concerns them all.
                That one is too large by itself is its own outcome.
        """


class PublishObserver(Protocol):
    """What a publisher reports; `relay.observability` implements it. Calls must not block."""

    def published(self, destination: Destination, seconds: Sequence[float]) -> None:
        """Records were acknowledged, each so many seconds after it was handed over."""

    def publish_failed(self, destination: Destination, reason: Reason) -> None:
        """A record was not acknowledged, or was refused."""
