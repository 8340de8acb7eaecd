"""The Kafka adapter of the publishing port: records in, acknowledgements out, whichever producer is in place."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka.structs import RecordMetadata, TopicPartition

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.breaker import Breaker, BreakerState
from relay.publishing.failures import reason_of
from relay.publishing.port import NotPublishedError, PublishObserver
from relay.publishing.producer import RunningProducer
from relay.publishing.progress import Progress
from relay.reasons import Reason

_KAFKAS_OWN: Final = frozenset(
    {
        Reason.ACKNOWLEDGEMENT_TIMEOUT,
        Reason.KAFKA_UNREACHABLE,
        Reason.NO_LEADER,
        Reason.NOT_ENOUGH_REPLICAS,
        Reason.PRODUCER_FAILED,
    }
)
"""Failures that tell of Kafka's state rather than of the record, its topic or our rights: the breaker counts them."""
_NAMED_IN_LOG: Final = frozenset({Reason.RECORD_REFUSED, Reason.PRODUCER_FAILED})

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _HandedOver:
    """A record whose acknowledgement is awaited."""

    destination: Destination
    ticket: int
    since: float
    outcome: asyncio.Future[None]
    progress: Progress
    """Of the producer that has it: a predecessor's late outcomes say nothing about the one in place."""


class KafkaPublisher:
    """Publishes with the producer that the supervisor puts in place; without one it refuses at once.

    Implements `relay.publishing.port.Publisher`. For one event loop's thread.
    """

    def __init__(
        self,
        *,
        topics: Mapping[Destination, str],
        admission: Admission,
        observer: PublishObserver,
        breaker: Breaker | None = None,
    ) -> None:
        """Start without a producer, so `unavailable` says `KAFKA_UNREACHABLE` until `use`.

        `topics` holds the name of each destination's topic that records will be for.
        """
        self._topics = dict(topics)
        # Every topic has a partition 0: the cheapest question whether a listing showed it.
        self._probes = {destination: TopicPartition(name, 0) for destination, name in self._topics.items()}
        self._admission = admission
        self._observer = observer
        self._breaker = breaker or Breaker()
        self._told_open = False
        self._producer: RunningProducer | None = None
        self._progress = Progress()
        self._absence = Reason.KAFKA_UNREACHABLE
        self._too_large: list[tuple[_HandedOver, BaseException]] = []
        self._last_named: str | None = None

    def use(self, producer: RunningProducer) -> RunningProducer | None:
        """Publish with `producer` from now on; give the one before, which the caller stops."""
        before, self._producer = self._producer, producer
        self._progress = Progress()
        self._breaker.reset()
        return before

    def lose(self, reason: Reason) -> RunningProducer | None:
        """Publish nothing from now on, for `reason`; give the producer before, which the caller stops.

        Acknowledgements on their way still arrive.
        """
        before, self._producer = self._producer, None
        self._absence = reason
        return before

    @property
    def progress(self) -> Progress:
        """What became of the records handed to the producer in place."""
        return self._progress

    @property
    def unavailable(self) -> Reason | None:
        """Why the next webhook would be refused: no producer, a dead one, an open breaker, or too much in flight."""
        if self._producer is None:
            return self._absence
        if self._producer.failure is not None:
            return Reason.PRODUCER_FAILED
        if self.breaker_state is BreakerState.OPEN:
            return Reason.BREAKER_OPEN
        return Reason.OVERLOADED if self._admission.full else None

    @property
    def breaker_state(self) -> BreakerState:
        """Whether webhooks pass, or are refused because Kafka does not acknowledge. Costs nothing; never blocks."""
        now = asyncio.get_running_loop().time()
        state = self._breaker.judge(now, self._admission.oldest_unacknowledged_seconds(now))
        if state is BreakerState.OPEN and not self._told_open:
            self._told_open = True
            _log.warning("Kafka does not acknowledge: webhooks are refused at once, but for one trial a second")
        return state

    async def publish(self, record: Record, *, deadline: float) -> asyncio.Future[None]:
        """Hand `record` over; see `Publisher.publish`."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        producer = self._producer
        refusal = self._refusal(producer, record.destination, now, deadline)
        if refusal is not None or producer is None:
            raise self._refused(record.destination, refusal or self._absence)
        self._breaker.tried(now)
        ticket = self._admission.enter(len(record.value) + len(record.key or b""), now)
        handed_over = _HandedOver(record.destination, ticket, now, loop.create_future(), self._progress)
        self._progress.handed_over(now)
        try:
            async with asyncio.timeout_at(deadline):
                acknowledgement = await producer.publish(self._topics[record.destination], record)
        except Exception as error:  # whatever the client raises: the record was not appended
            self._admission.leave(ticket)
            if reason_of(error) is Reason.PRODUCER_FAILED:
                handed_over.progress.fatal_error = True
            if reason_of(error) is not Reason.RECORD_TOO_LARGE:
                raise self._refused(record.destination, reason_of(error), error) from error
            self._fail(handed_over, Reason.RECORD_TOO_LARGE, error)
        except BaseException:
            self._admission.leave(ticket)
            raise
        else:
            acknowledgement.add_done_callback(lambda done: self._acknowledged(handed_over, done))
        return handed_over.outcome

    def _refusal(
        self, producer: RunningProducer | None, destination: Destination, now: float, deadline: float
    ) -> Reason | None:
        if producer is None:
            return self._absence
        if producer.failure is not None:
            return Reason.PRODUCER_FAILED
        # Asked right before the producer is, with no await between: it would ask for an unknown topic by name.
        if not producer.knows(self._probes[destination]):
            return Reason.TOPIC_MISSING
        return Reason.ACKNOWLEDGEMENT_TIMEOUT if deadline <= now else None

    def _refused(
        self, destination: Destination, reason: Reason, error: BaseException | None = None
    ) -> NotPublishedError:
        self._observer.publish_failed(destination, reason)
        self._name_in_log(destination, reason, error)
        return NotPublishedError(reason)

    def _acknowledged(self, record: _HandedOver, done: asyncio.Future[RecordMetadata]) -> None:
        """Take the outcome of aiokafka's future, whether or not anybody still waits for ours."""
        self._admission.leave(record.ticket)
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            now = asyncio.get_running_loop().time()
            self._breaker.acknowledged(now)
            stored = done.result()
            record.progress.acknowledged(stored.topic, stored.partition, stored.offset)
            if self._told_open:
                self._told_open = False
                _log.warning("Kafka acknowledges again: webhooks pass")
            self._observer.published(record.destination, now - record.since)
            if not record.outcome.done():
                record.outcome.set_result(None)
            return
        reason = Reason.PRODUCER_FAILED if done.cancelled() else reason_of(error)
        if reason is Reason.RECORD_TOO_LARGE:
            self._judge_later(record, error)
        else:
            self._fail(record, reason, error)

    def _judge_later(self, record: _HandedOver, error: BaseException) -> None:
        """Wait for the others of its batch: the broker refuses a batch, and only alone a record is surely to blame."""
        if not self._too_large:
            asyncio.get_running_loop().call_soon(self._judge_too_large)
        self._too_large.append((record, error))

    def _judge_too_large(self) -> None:
        refused, self._too_large = self._too_large, []
        for record, error in refused:
            companions = sum(other.destination is record.destination for other, _ in refused)
            self._fail(record, Reason.RECORD_TOO_LARGE if companions == 1 else Reason.RECORD_REFUSED, error)

    def _fail(self, record: _HandedOver, reason: Reason, error: BaseException) -> None:
        if reason in _KAFKAS_OWN:
            self._breaker.failed(record.since)
        if reason is Reason.PRODUCER_FAILED:
            record.progress.fatal_error = True
        self._observer.publish_failed(record.destination, reason)
        self._name_in_log(record.destination, reason, error)
        if not record.outcome.done():
            failure = NotPublishedError(reason)
            failure.__cause__ = error
            record.outcome.set_exception(failure)
            record.outcome.exception()  # counts as read: nobody may be waiting any more, and that is no fault

    def _name_in_log(self, destination: Destination, reason: Reason, error: BaseException | None) -> None:
        """Log the error's class where the reason alone says too little; once until the class changes."""
        name = type(error).__name__
        if error is not None and reason in _NAMED_IN_LOG and name != self._last_named:
            self._last_named = name
            _log.warning("Kafka did not take a record for topic %s: %s", self._topics[destination], name)
