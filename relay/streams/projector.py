"""`relay project`: a member of a consumer group that keeps the latest state of each SMS on a compacted topic.

At least once, from end to end: offsets are committed after the states are durable, and taking a fact in twice changes
nothing (`relay.events.latest`). What a member knows of its partitions it reads from the latest-state topic.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from relay.events.record import Record
from relay.events.records import latest_record, tombstone_record
from relay.events.times import milliseconds
from relay.publishing.connection import KafkaConnection
from relay.publishing.port import Publisher
from relay.streams.mirror import Mirror
from relay.streams.projection import Projection, StatusRecord
from relay.streams.states import States
from relay.streams.writing import AT_ONCE, outcomes

_POLL_MS: Final = 200
_PUBLISH_WITHIN_S: Final = 10.0
_RETRY_S: Final = 1.0
_SWEEP_S: Final = 2.0
_OVERWRITTEN_S: Final = 5.0
"""How long a state may differ on the topic before it is written again; our own record comes back within moments."""
REVOKED_WITHIN_S: Final = 5.0
STOP_LIMIT_S: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectorSettings:
    """What a projector reads, what it writes, and for how long."""

    status_topic: str
    latest_topic: str
    group_id: str
    stuck_after: timedelta
    """An SMS without a final status for so long is counted as stuck."""
    retention: timedelta
    """An SMS of which nothing was heard for so long is erased from the latest-state topic."""


class ProjectorObserver(Protocol):
    """What a projector reports beside `relay.streams.projection.ProjectionObserver`. Calls must not block."""

    def assigned(self, partitions: int) -> None:
        """So many partitions of the status topic are this member's now."""

    def looked(self, *, entries: int, stuck: int, lag: int) -> None:
        """How many SMS are known, how many of them are stuck, how many records are still to be taken in."""

    def erased(self, count: int) -> None:
        """So many SMS were erased, their retention being over."""

    def rewritten(self, count: int) -> None:
        """So many states were written again, since another writer had written over them."""

    def committed(self) -> None:
        """The offsets of what was taken in were committed."""


class Projector(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One member. `start`, then `stop` once, within one event loop; waits through outages of Kafka."""

    def __init__(  # noqa: PLR0913 - its parts, by keyword
        self,
        *,
        connection: KafkaConnection,
        settings: ProjectorSettings,
        publisher: Publisher,
        projection: Projection,
        states: States,
        observer: ProjectorObserver,
    ) -> None:
        """Take the parts; Kafka is not asked yet. Both topics must exist before `start`, with as many partitions."""
        self._settings = settings
        self._publisher = publisher
        self._projection = projection
        self._states = states
        self._observer = observer
        self._mirror = Mirror(connection, settings.latest_topic, self._found)
        self._broker = KafkaBroker(
            list(connection.bootstrap_servers),
            security=connection.security(),
            client_id=connection.client_id,
            request_timeout_ms=connection.request_timeout_ms,
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=STOP_LIMIT_S,
        )
        self._subscriber = self._broker.subscriber(
            settings.status_topic,
            group_id=settings.group_id,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            listener=self,
        )
        self._owned: frozenset[int] = frozenset()
        self._next: dict[TopicPartition, int] = {}
        self._settling = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join the group and begin.

        Raises:
            aiokafka.errors.KafkaError: no broker answered; nothing is left open.
        """
        try:
            await self._broker.start()
        except KafkaError:
            await self._close()
            raise
        self._mirror.start()
        consumer = self._subscriber.consumer
        self._tasks = [
            asyncio.create_task(self._consume(consumer), name="projector"),
            asyncio.create_task(self._sweep(consumer), name="projector-sweep"),
        ]

    async def stop(self) -> None:
        """Take in nothing more, let what is being written become durable, leave the group."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REVOKED_WITHIN_S), self._settling:
                for task in self._tasks:
                    task.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._mirror.stop()
        await self._close()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's
        """Let what is being written become durable first: its offsets can still be committed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REVOKED_WITHIN_S), self._settling:
                self._owned = frozenset()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin to read what stands of them on the latest-state topic; until then nothing of them is taken in."""
        partitions = frozenset(place.partition for place in assigned)
        self._projection.keep(partitions)
        self._next = {place: offset for place, offset in self._next.items() if place in assigned}
        self._owned = partitions
        self._mirror.own(partitions)
        self._observer.assigned(len(partitions))
        _log.info("partitions assigned: %s", ", ".join(map(str, sorted(partitions))) or "none")

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                # Taken in together: their states are made durable together, and their offsets committed.
                fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=AT_ONCE)
                if fetched:
                    await self._take(consumer, fetched)
            except KafkaError as error:
                _log.warning("the group cannot go on for the moment; it is tried again: %s", type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the projection for good
                _log.exception("the projector failed; it goes on from the committed offsets")
                await asyncio.sleep(_RETRY_S)

    async def _take(
        self, consumer: AIOKafkaConsumer, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord[Any, Any]]]
    ) -> None:
        owned = self._owned
        await self._mirror.caught_up(place.partition for place in fetched)
        async with self._settling:
            if owned is not self._owned:
                return  # whose they are now reads them again from the committed offset
            changes = self._projection.take_in(
                StatusRecord(place.partition, record.offset, record.value)
                for place, records in fetched.items()
                for record in records
            )
            if await self._durable([latest_record(change.state) for change in changes]):
                self._projection.settle(changes)
                following = {place: records[-1].offset + 1 for place, records in fetched.items()}
                await consumer.commit(following)
                self._next.update(following)
                self._observer.committed()
                return
            for place, records in fetched.items():
                consumer.seek(place, records[0].offset)
        await asyncio.sleep(_RETRY_S)

    async def _durable(self, records: Sequence[Record]) -> bool:
        """Publish them; say whether all are acknowledged. What is not may still come to stand there, harmlessly."""
        failed = [it for it in await outcomes(self._publisher, records, within_s=_PUBLISH_WITHIN_S) if it is not None]
        if failed:
            _log.warning("states cannot be written; it is tried again: %s", failed[0])
        return not failed

    async def _sweep(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            await self._mirror.caught_up(self._owned)
            async with self._settling:
                await self._write_again()
                await self._erase_old()
            self._observer.looked(
                entries=len(self._states),
                stuck=self._states.waiting_since(_ago_ms(self._settings.stuck_after)),
                lag=sum(max(0, (consumer.highwater(place) or 0) - offset) for place, offset in self._next.items()),
            )

    async def _write_again(self) -> None:
        changes = self._projection.overdue(asyncio.get_running_loop().time() - _OVERWRITTEN_S)
        if changes and await self._durable([latest_record(change.state) for change in changes]):
            self._observer.rewritten(len(changes))

    async def _erase_old(self) -> None:
        old = self._states.untouched_since(_ago_ms(self._settings.retention), AT_ONCE)
        now = datetime.now(UTC)
        if old and await self._durable([tombstone_record(sms_id, now) for _, sms_id in old]):
            for partition, sms_id in old:
                self._states.forget(partition, sms_id)
            self._observer.erased(len(old))

    def _found(self, partition: int, sms_id: bytes, value: bytes | None) -> None:
        self._projection.found(partition, sms_id, value, asyncio.get_running_loop().time())

    async def _close(self) -> None:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(STOP_LIMIT_S):
                await self._broker.stop()


def _ago_ms(age: timedelta) -> int:
    return milliseconds(datetime.now(UTC) - age)
