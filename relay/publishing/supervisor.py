"""The life of the connection: find Kafka, check the topics, start a producer, watch it, replace it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aiokafka.structs import TopicPartition

from relay.publishing.cluster import ClusterUnreachableError, read_cluster
from relay.publishing.connection import KafkaConnection, UnusableConnectionError
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.producer import MAX_BATCH_BYTES, Failure, RunningProducer
from relay.publishing.topics import Finding, Level, Listing, TopicSpec, compare
from relay.reasons import Reason

_CUTTING_OFF_S: Final = 0.2

_log = logging.getLogger(__name__)


class SupervisorObserver(Protocol):
    """What the supervisor reports, each change once; `app.py` joins it to readiness and log. Calls must not block."""

    def kafka_verified(self, findings: Sequence[Finding], min_insync_replicas: Mapping[str, int]) -> None:
        """A broker answers, the topics exist, a producer runs.

        `findings` are what is short of the settings; `min_insync_replicas` is by topic, where it could be read.
        """

    def kafka_not_ready(self, reason: Reason, detail: str) -> None:
        """Nothing is published, for `reason`; `detail` is one sentence that says what to look at."""

    def producer_replaced(self, cause: Failure) -> None:
        """A producer was given up for `cause`; another follows as soon as one can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how long, in seconds."""

    first_retry: float = 0.1
    last_retry: float = 1.0
    """The longest pause between two attempts: recovery is late by at most this."""
    watch: float = 0.25
    """How often the running producer is looked at. Costs some attribute reads."""
    retire: float = 10.0
    """How long a replaced producer may still bring acknowledgements home."""


class Supervisor:
    """Keeps `publisher` supplied with a working producer, for ever, from `start` until `stop`.

    For one event loop's thread. Creates no topic. A later cause for replacement has its place in `_watch`.
    """

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        publisher: KafkaPublisher,
        topics: Sequence[TopicSpec],
        observer: SupervisorObserver,
        pace: Pace | None = None,
    ) -> None:
        """Take the parts; `topics` are those that must exist. Nothing is started."""
        self._connection = connection
        self._publisher = publisher
        self._topics = tuple(topics)
        self._observer = observer
        self._pace = pace or Pace()
        self._reported: tuple[Reason, str] | None = None
        self._life: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, in the running loop; returns at once. Once only."""
        self._life = asyncio.get_running_loop().create_task(self._live(), name="kafka-supervisor")

    async def stop(self, limit: float = 5.0) -> None:
        """Refuse records from now on, bring home what is acknowledged within `limit` seconds, close everything.

        Returns at the limit at the latest, whatever Kafka does; never raises for it.
        """
        self._retire(self._publisher.lose(Reason.DRAINING))
        closing = set(self._retiring)
        if self._life is not None:
            self._life.cancel()
            closing.add(self._life)
        if not closing:
            return
        _, late = await asyncio.wait(closing, timeout=max(0.0, limit - _CUTTING_OFF_S))
        for task in late:
            task.cancel()  # a producer that is being stopped is cut off by this
        if late:
            await asyncio.wait(late, timeout=_CUTTING_OFF_S)

    async def _live(self) -> None:
        while True:
            try:
                producer = await self._obtain()
                await self._replace_on(await self._watch(producer))
            except Exception:  # noqa: BLE001 - a fault of ours must not end the supply for good
                _log.exception("the Kafka supervisor failed; it starts again")
                self._retire(self._publisher.lose(Reason.PRODUCER_FAILED))
                await asyncio.sleep(self._pace.last_retry)

    async def _obtain(self) -> RunningProducer:
        """Try until a producer is in place; report each new obstacle once."""
        pause = self._pace.first_retry
        while True:
            try:
                listing = await read_cluster(self._connection, describe=[topic.name for topic in self._topics])
                missing = [topic.name for topic in self._topics if topic.name not in listing.topics]
                if not missing:
                    producer = await RunningProducer.start(self._connection, max_batch_bytes=self._batch(listing))
                    missing = self._unknown_to(producer)
                    if not missing:
                        self._put_in_place(producer, listing)
                        return producer
                    self._retire(producer)
                self._not_ready(Reason.TOPIC_MISSING, _missing_says(missing, self._connection))
            except ClusterUnreachableError as error:
                self._not_ready(error.reason, str(error))
            except UnusableConnectionError as error:
                self._not_ready(Reason.KAFKA_UNREACHABLE, str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._pace.last_retry)

    async def _watch(self, producer: RunningProducer) -> Failure:
        """Look at the producer until it is of no more use; say why."""
        while True:
            await asyncio.sleep(self._pace.watch)
            if producer.failure is not None:
                return producer.failure
            if self._unknown_to(producer):
                return Failure.TOPIC_MISSING

    async def _replace_on(self, cause: Failure) -> None:
        """Take the producer out of use; the next round puts another in its place."""
        self._observer.producer_replaced(cause)
        if cause is Failure.TOPIC_MISSING:
            producer = self._publisher.lose(Reason.TOPIC_MISSING)
            missing = self._unknown_to(producer) if producer is not None else []
            self._not_ready(Reason.TOPIC_MISSING, _missing_says(missing, self._connection))
        else:
            producer = self._publisher.lose(Reason.PRODUCER_FAILED)
            self._not_ready(Reason.PRODUCER_FAILED, f"The Kafka producer failed ({cause}); another one is started.")
        self._retire(producer)

    def _put_in_place(self, producer: RunningProducer, listing: Listing) -> None:
        self._retire(self._publisher.use(producer))
        self._reported = None
        findings = [finding for topic in self._topics for finding in compare(topic, listing.topics[topic.name])]
        short = [finding for finding in findings if finding.level is not Level.OK]
        self._observer.kafka_verified(short, _configured("min.insync.replicas", listing, self._topics))

    def _not_ready(self, reason: Reason, detail: str) -> None:
        self._retire(self._publisher.lose(reason))
        if (reason, detail) != self._reported:
            self._reported = (reason, detail)
            self._observer.kafka_not_ready(reason, detail)

    def _unknown_to(self, producer: RunningProducer) -> list[str]:
        return [topic.name for topic in self._topics if not producer.knows(TopicPartition(topic.name, 0))]

    def _batch(self, listing: Listing) -> int:
        """A batch that every topic takes, where the brokers tell: else small records would be refused in company."""
        return min([MAX_BATCH_BYTES, *_configured("max.message.bytes", listing, self._topics).values()])

    def _retire(self, producer: RunningProducer | None) -> None:
        """Stop a producer in the background: what it still acknowledges counts."""
        if producer is not None:
            task = asyncio.get_running_loop().create_task(producer.stop(self._pace.retire), name="kafka-retirement")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


def _missing_says(missing: Sequence[str], connection: KafkaConnection) -> str:
    what, names = ("Topic", missing[0]) if len(missing) == 1 else ("Topics", ", ".join(missing))
    return (
        f"{what} {names} missing at {connection.servers}, or hidden from our user: "
        "create with `relay topics apply`, or grant Write."
    )


def _configured(setting: str, listing: Listing, topics: Sequence[TopicSpec]) -> dict[str, int]:
    """Give a numeric setting of each topic, where the brokers tell it."""
    configs = {topic.name: listing.topics[topic.name].configs or {} for topic in topics}
    return {name: int(found[setting]) for name, found in configs.items() if setting in found}
