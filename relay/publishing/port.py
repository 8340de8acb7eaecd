"""The port: what the relay asks of a publisher, and what a publisher reports.

Adapters: `relay.publishing.kafka` (Kafka), and an in-memory one in the tests. The same contract
suite runs against all of them.
"""

import asyncio
from typing import Protocol

from relay.events.record import Destination, Record
from relay.reasons import Reason


class NotPublishedError(Exception):
    """A record that the publisher could not make durable, with the reason.

    Nothing is promised about it: with `Reason.ACKNOWLEDGEMENT_TIMEOUT` it may still become a record.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Publisher(Protocol):
    """Makes records durable, in the order given per key."""

    @property
    def unavailable(self) -> Reason | None:
        """Why a record would be refused at this moment, or None. Costs nothing; never blocks."""

    async def publish(self, record: Record, *, deadline: float) -> asyncio.Future[None]:
        """Hand `record` to the producer; give the future of its acknowledgement (acks=all).

        Waits only while the producer's buffer is full, and never past `deadline` (the running
        loop's `time()`). The future resolves to None once the broker has acknowledged, or to a
        `NotPublishedError`. It must never be cancelled: who cannot wait any longer goes away with
        `asyncio.wait(..., timeout=...)`, and the outcome still arrives.

        Raises:
            NotPublishedError: at once, when the record was certainly not handed over, for a reason that
                concerns its neighbours too. One that is too large by itself is the future's to tell.
        """


class PublishObserver(Protocol):
    """What a publisher reports; `relay.observability` implements it. Calls must not block."""

    def published(self, destination: Destination, seconds: float) -> None:
        """A record was acknowledged, `seconds` after it was handed over."""

    def publish_failed(self, destination: Destination, reason: Reason) -> None:
        """A record was not acknowledged, or was refused."""
