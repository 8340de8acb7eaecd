"""The life of the connection: find Kafka, check the topics, start a producer, watch it, replace it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from aiokafka.structs import TopicPartition

from relay.publishing.cluster import ClusterUnreachableError, read_cluster
from relay.publishing.connection import KafkaConnection, UnusableConnectionError
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.producer import MAX_BATCH_BYTES, RunningProducer
from relay.publishing.replacement import Cause, Symptoms, cause_to_replace
from relay.publishing.topics import Finding, Level, Listing, TopicSpec, compare
from relay.reasons import Reason

_CUTTING_OFF_S: Final = 0.2

_log = logging.getLogger(__name__)


class SupervisorObserver(Protocol):
    """What the supervisor reports, each change once; `app.py` joins it to readiness and log. Calls must not block."""

    def topics_found(self, ids: Mapping[str, UUID | None]) -> None:
        """Records go to these topics from now on. A topic made again has another id; None: the broker tells none."""

    def kafka_verified(self, findings: Sequence[Finding], min_insync_replicas: Mapping[str, int]) -> None:
        """A broker answers, the topics exist, a producer runs.

        `findings` are what is short of the settings; `min_insync_replicas` is by topic, where it could be read.
        """

    def kafka_not_ready(self, reason: Reason, detail: str) -> None:
        """Nothing is published, for `reason`; `detail` is one sentence that says what to look at."""

    def producer_replaced(self, cause: Cause) -> None:
        """A producer was given up for `cause`; its successor is in place, or follows as soon as one can be had."""

    def producer_kept(self, cause: Cause, detail: str) -> None:
        """There is `cause` to replace the producer, but no other can be had; `detail` is one sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how long, in seconds."""

    first_retry: float = 0.1
    last_retry: float = 1.0
    """The longest pause between two attempts: recovery is late by at most this."""
    watch: float = 0.25
    """How often the running producer is looked at. Costs some attribute reads."""
    ask: float = 2.0
    """How often a producer in trouble has the bootstrap servers asked where the brokers are."""
    look: float = 2.0
    """How often the topics' ids are asked for: for so long a topic made again may go unnoticed without traffic, and so
    may it that no broker answers."""
    retire: float = 10.0
    """How long a replaced producer may still bring acknowledgements home."""


class _Obstacle(Exception):  # noqa: N818 - no error: Kafka is simply not there yet
    """Why no producer can be had now."""

    def __init__(self, reason: Reason, says: str) -> None:
        super().__init__(says)
        self.reason = reason


class Supervisor:
    """Keeps `publisher` supplied with a working producer, for ever, from `start` until `stop`.

    For one event loop's thread. Creates no topic. When and why a producer is replaced: `relay.publishing.replacement`.
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
        self._renewed = False
        self._in_touch = False
        self._ids: dict[str, UUID | None] = {}
        self._reported: tuple[Reason, str] | None = None
        self._kept: tuple[Cause, Reason] | None = None
        self._life: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin, in the running loop; returns at once. Once only."""
        self._life = asyncio.get_running_loop().create_task(self._live(), name="kafka-supervisor")

    def renew(self, connection: KafkaConnection) -> None:
        """Reach Kafka by `connection` from now on: other credentials, or the same files with another content.

        A producer in place serves until one that is made from `connection` works. Returns at once.
        """
        self._connection = connection
        self._renewed = True

    @property
    def in_touch(self) -> bool:
        """Whether a broker answered when one was last asked, which is every few seconds. Costs nothing."""
        return self._in_touch

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
                while not (cause := await self._watch(producer)).useless:
                    producer = await self._succeed(producer, cause)
                self._give_up(producer, cause)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the supply for good
                _log.exception("the Kafka supervisor failed; it starts again")
                self._retire(self._publisher.lose(Reason.PRODUCER_FAILED))
                await asyncio.sleep(self._pace.last_retry)

    async def _obtain(self) -> RunningProducer:
        """Try until a producer is in place; report each new obstacle once."""
        pause = self._pace.first_retry
        while True:
            try:
                return await self._attempt()
            except _Obstacle as obstacle:
                self._not_ready(obstacle.reason, str(obstacle))
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._pace.last_retry)

    async def _attempt(self) -> RunningProducer:
        """Put a producer in place that is made from what holds now, or raise `_Obstacle`."""
        # First: what is renewed while this attempt is under way is a cause for the next one.
        self._renewed, connection = False, self._connection
        try:
            listing = await read_cluster(connection, describe=[topic.name for topic in self._topics])
            missing = [topic.name for topic in self._topics if topic.name not in listing.topics]
            if not missing:
                producer = await RunningProducer.start(connection, max_batch_bytes=self._batch(listing))
                missing = self._unknown_to(producer)
                if not missing:
                    self._put_in_place(producer, listing)
                    return producer
                self._retire(producer)
        except ClusterUnreachableError as error:
            raise _Obstacle(error.reason, str(error)) from error
        except UnusableConnectionError as error:
            raise _Obstacle(Reason.KAFKA_UNREACHABLE, str(error)) from error
        raise _Obstacle(Reason.TOPIC_MISSING, _missing_says(missing, connection))

    async def _watch(self, producer: RunningProducer) -> Cause:
        """Look at the producer until there is a cause to replace it; give that."""
        clock = asyncio.get_running_loop().time
        asked, moved = clock(), False
        looked, other_topics = clock(), False
        while True:
            await asyncio.sleep(self._pace.watch)
            if clock() - looked >= self._pace.look:
                found = await producer.topic_ids()
                self._in_touch, other_topics = bool(found), self._are_others(found)
                looked = clock()
            symptoms = self._symptoms(producer, moved=moved, other_topics=other_topics)
            cause = cause_to_replace(symptoms)
            if cause is not None:
                return cause
            if symptoms.doubtful and clock() - asked >= self._pace.ask:
                moved = await self._moved_away_from(producer)
                asked = clock()

    def _symptoms(self, producer: RunningProducer, *, moved: bool, other_topics: bool) -> Symptoms:
        progress = self._publisher.progress
        return Symptoms(
            stopped=producer.failure,
            fatal_error=progress.fatal_error,
            topic_missing=bool(self._unknown_to(producer)),
            other_topics=other_topics,
            offsets_went_back=progress.offsets_went_back,
            credentials_changed=self._renewed,
            silent_s=progress.silent_s,
            out_of_touch=producer.out_of_touch,
            moved=moved,
        )

    def _are_others(self, found: Mapping[str, UUID | None]) -> bool:
        """Whether a topic that is there was made again since the producer was put in place."""
        return any(found.get(name) not in {None, id_} for name, id_ in self._ids.items() if id_ is not None)

    async def _moved_away_from(self, producer: RunningProducer) -> bool:
        """Ask the bootstrap servers: whether all brokers are at addresses that the producer does not know."""
        try:
            found = (await read_cluster(self._connection)).addresses
        except (ClusterUnreachableError, UnusableConnectionError):
            return False
        return bool(found) and found.isdisjoint(producer.addresses)

    async def _succeed(self, producer: RunningProducer, cause: Cause) -> RunningProducer:
        """Put another producer in the place of one that still serves, and give it; if none can be had, the same."""
        try:
            successor = await self._attempt()
        except _Obstacle as obstacle:
            self._renewed = self._renewed or cause is Cause.CREDENTIALS_CHANGED
            if (cause, obstacle.reason) != self._kept:
                self._kept = (cause, obstacle.reason)
                self._observer.producer_kept(cause, str(obstacle))
            await asyncio.sleep(self._pace.last_retry)
            return producer
        self._observer.producer_replaced(cause)
        return successor

    def _give_up(self, producer: RunningProducer, cause: Cause) -> None:
        """Take a useless producer out of use; the next round puts another in its place."""
        self._observer.producer_replaced(cause)
        if cause is Cause.TOPIC_MISSING:
            self._publisher.lose(Reason.TOPIC_MISSING)
            self._not_ready(Reason.TOPIC_MISSING, _missing_says(self._unknown_to(producer), self._connection))
        else:
            self._publisher.lose(Reason.PRODUCER_FAILED)
            self._not_ready(Reason.PRODUCER_FAILED, f"The Kafka producer failed ({cause}); another one is started.")
        self._retire(producer)

    def _put_in_place(self, producer: RunningProducer, listing: Listing) -> None:
        self._in_touch = True
        self._ids = {topic.name: listing.topics[topic.name].id for topic in self._topics}
        self._observer.topics_found(self._ids)
        self._retire(self._publisher.use(producer))
        self._reported = self._kept = None
        findings = [finding for topic in self._topics for finding in compare(topic, listing.topics[topic.name])]
        short = [finding for finding in findings if finding.level is not Level.OK]
        self._observer.kafka_verified(short, _configured("min.insync.replicas", listing, self._topics))

    def _not_ready(self, reason: Reason, detail: str) -> None:
        self._in_touch = reason is not Reason.KAFKA_UNREACHABLE
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
