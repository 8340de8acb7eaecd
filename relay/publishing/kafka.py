"""The Kafka adapter of the publishing port: records in, acknowledgements out, whichever producer is in place."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka.structs import RecordMetadata, TopicPartition

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.breaker import Breaker, BreakerState
from relay.publishing.failures import reason_of
from relay.publishing.port import NotPublishedError, PublishObserver, Settled
from relay.publishing.producer import MAX_RECORD_BYTES, RunningProducer
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

_SURELY_FITS: Final = 64 * 1024
"""Key and value together: headers add some copies of the key at most, which are not counted for every record."""

_log = logging.getLogger(__name__)


class _HandedOver(NamedTuple):
    """A record whose acknowledgement is awaited."""

    destination: Destination
    size: int
    since: float
    settled: Settled
    progress: Progress
    """Of the producer that has it: a predecessor's late outcomes say nothing about the one in place."""


class KafkaPublisher:
    """Publishes with the producer that the supervisor puts in place; without one it refuses at once.

    Implements `relay.publishing.port.Publisher`, and hears the outcomes of batches. For one event loop's thread.
    """

    def __init__(
        self,
        *,
        topics: Mapping[Destination, str],
        admission: Admission,
        observer: PublishObserver,
        breaker: Breaker | None = None,
    ) -> None:
        """Start without a producer, so `unavailable` says `KAFKA_UNREACHABLE` until `use`. Within the running loop.

        `topics` holds the name of each destination's topic that records will be for.
        """
        self._loop = asyncio.get_running_loop()
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

    def full_behind(self, webhooks: int) -> bool:
        """Whether so many webhooks more will be too much in flight; see `Publisher.full_behind`."""
        return self._admission.full_behind(webhooks)

    @property
    def breaker_state(self) -> BreakerState:
        """Whether webhooks pass, or are refused because Kafka does not acknowledge. Costs nothing; never blocks."""
        now = self._loop.time()
        state = self._breaker.judge(now, self._admission.oldest_unacknowledged_seconds(now))
        if state is BreakerState.OPEN and not self._told_open:
            self._told_open = True
            _log.warning("Kafka does not acknowledge: webhooks are refused at once, but for one trial a second")
        return state

    def publish(self, records: Sequence[tuple[Record, Settled]]) -> None:
        """Hand records over; see `Publisher.publish`."""
        producer = self._usable_for({record.destination for record, _ in records})
        now, progress = self._loop.time(), self._progress
        self._admission.handed_over(len(records))
        for record, settled in records:
            size = len(record.value) + len(record.key or b"")
            handed_over = _HandedOver(record.destination, size, now, settled, progress)
            if size > _SURELY_FITS and size + _headers_size(record) > MAX_RECORD_BYTES:
                self._loop.call_soon(self._fail, handed_over, Reason.RECORD_TOO_LARGE)
                continue
            try:
                producer.publish(self._topics[record.destination], record, handed_over, self)
            except Exception as error:  # noqa: BLE001 - whatever the client raises: one record does not harm the others
                self._name_in_log(record.destination, Reason.RECORD_REFUSED, error)
                self._loop.call_soon(self._fail, handed_over, Reason.RECORD_REFUSED)
                continue
            self._admission.enter(size, now)
        self._breaker.tried(now)
        progress.handed_over(now)

    def acknowledged(self, tickets: Sequence[_HandedOver], first: RecordMetadata) -> None:
        """Take the acknowledgement of a batch: the producer's to call, see `Outcomes`."""
        now = self._loop.time()
        self._breaker.acknowledged(now)
        tickets[0].progress.acknowledged(first.topic, first.partition, first.offset, len(tickets))
        if self._told_open:
            self._told_open = False
            _log.warning("Kafka acknowledges again: webhooks pass")
        # A batch is one topic's, and by topic it is counted.
        self._observer.published(tickets[0].destination, [now - record.since for record in tickets])
        for record in tickets:
            self._admission.leave(record.size, record.since)
            record.settled(None)

    def failed(self, tickets: Sequence[_HandedOver], error: BaseException) -> None:
        """Take the failure of a batch: the producer's to call, see `Outcomes`."""
        reason = Reason.PRODUCER_FAILED if isinstance(error, asyncio.CancelledError) else reason_of(error)
        if reason is Reason.RECORD_TOO_LARGE and len(tickets) > 1:
            reason = Reason.RECORD_REFUSED  # the broker refuses a batch: only alone a record is surely to blame
        if reason is Reason.PRODUCER_FAILED:
            tickets[0].progress.fatal_error = True
        self._name_in_log(tickets[0].destination, reason, error)
        for record in tickets:
            self._admission.leave(record.size, record.since)
            if reason in _KAFKAS_OWN:
                self._breaker.failed(record.since)
            self._fail(record, reason)

    def _usable_for(self, destinations: Collection[Destination]) -> RunningProducer:
        """Give the producer, or raise `NotPublishedError`.

        Asked right before it is given records, with no await between: it would ask for an unknown topic by name.
        """
        producer = self._producer
        if producer is None:
            refused, reason = list(destinations), self._absence
        elif producer.failure is not None:
            refused, reason = list(destinations), Reason.PRODUCER_FAILED
        else:
            refused = [each for each in destinations if not producer.knows(self._probes[each])]
            reason = Reason.TOPIC_MISSING
        if producer is not None and not refused:
            return producer
        for destination in refused:
            self._observer.publish_failed(destination, reason)
        raise NotPublishedError(reason)

    def _fail(self, record: _HandedOver, reason: Reason) -> None:
        self._observer.publish_failed(record.destination, reason)
        record.settled(reason)

    def _name_in_log(self, destination: Destination, reason: Reason, error: BaseException) -> None:
        """Log the error's class where the reason alone says too little; once until the class changes."""
        name = type(error).__name__
        if reason in _NAMED_IN_LOG and name != self._last_named:
            self._last_named = name
            _log.warning("Kafka did not take a record for topic %s: %s", self._topics[destination], name)


def _headers_size(record: Record) -> int:
    return sum(len(name) + len(text.encode()) for name, text in record.headers.items())
