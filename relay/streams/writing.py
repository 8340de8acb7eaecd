"""Writing some records and awaiting each one's outcome; for a command, with a producer of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.connection import KafkaConnection
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.outstanding import Outstanding
from relay.publishing.port import NotPublishedError, Publisher
from relay.publishing.producer import RunningProducer
from relay.reasons import Reason

AT_ONCE: Final = 500
"""The most records that are to be written at once."""
_WITHIN_S: Final = 15.0
"""How long acknowledgements are waited for: a leader's election fits in."""
_STOP_LIMIT_S: Final = 3.0


class _NobodyCounts:
    """The observer of a publisher whose caller looks at every outcome itself."""

    def published(self, destination: Destination, seconds: Sequence[float]) -> None:
        """See `PublishObserver`."""

    def publish_failed(self, destination: Destination, reason: Reason) -> None:
        """See `PublishObserver`."""


@asynccontextmanager
async def writing(connection: KafkaConnection, topics: Mapping[Destination, str]) -> AsyncIterator[Publisher]:
    """Be able to write to `topics`, of which only those that a full listing shows are ever written to.

    Raises:
        ClusterUnreachableError: no broker answers.
        UnusableConnectionError: no client can be made from `connection`.
    """
    producer = await RunningProducer.start(connection)
    publisher = KafkaPublisher(topics=topics, admission=Admission(max_records=AT_ONCE), observer=_NobodyCounts())
    publisher.use(producer)
    try:
        yield publisher
    finally:
        publisher.lose(Reason.DRAINING)
        await producer.stop(_STOP_LIMIT_S)


async def outcomes(
    publisher: Publisher, records: Sequence[Record], *, within_s: float = _WITHIN_S
) -> list[Reason | None]:
    """Write `records`, at most `AT_ONCE`; give for each None if it is acknowledged within that time, else why not.

    One that is not acknowledged in time may still become a record.
    """
    found: list[Reason | None] = [Reason.ACKNOWLEDGEMENT_TIMEOUT] * len(records)
    loop = asyncio.get_running_loop()
    outstanding = Outstanding(loop, loop.time() + within_s)

    def settled(number: int, failure: Reason | None) -> None:
        found[number] = failure
        outstanding.settle()

    try:
        publisher.publish([(record, partial(settled, number)) for number, record in enumerate(records)])
    except NotPublishedError as error:
        return [error.reason] * len(records)
    outstanding.add(len(records))
    await outstanding.wait()
    return list(found)  # a copy: what comes later is too late
