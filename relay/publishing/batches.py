"""Batches by partition: a record joins its partition's open batch, and that one leaves when its leader is free.

aiokafka's `send` makes a coroutine, a future and a callback for each record; its batch interface, on which this
stands, makes them for each batch. Order and pace are those of `send`: of a partition one batch is under way, and what
comes meanwhile makes up the next. No record waits for company, unless a linger asks for that.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.structs import RecordMetadata, TopicPartition

from relay.events.record import Record
from relay.publishing.partitioning import partition_of

Ticket = TypeVar("Ticket")
"""What a record is known by to whoever gave it."""
Told_contra = TypeVar("Told_contra", contravariant=True)


class Outcomes(Protocol[Told_contra]):
    """Who learns what became of a batch's records: each ticket once, never while it is being added. Must not raise."""

    def acknowledged(self, tickets: Sequence[Told_contra], first: RecordMetadata) -> None:
        """The broker has them all (acks=all), at the offsets from `first.offset` on."""

    def failed(self, tickets: Sequence[Told_contra], error: BaseException) -> None:
        """The broker acknowledged none of them; they may be stored all the same."""


class _Batch(Generic[Ticket]):
    """Records of one partition that go out together."""

    __slots__ = ("builder", "opened_at", "outcomes", "partition", "tickets")

    def __init__(self, partition: TopicPartition, builder: Any, outcomes: Outcomes[Ticket], now: float) -> None:  # noqa: ANN401 - aiokafka has no types
        self.partition = partition
        self.opened_at = now
        self.builder = builder
        self.outcomes = outcomes
        self.tickets: list[Ticket] = []


class Batches(Generic[Ticket]):
    """What one producer has still to send. For one event loop's thread; nothing here waits but `drained`."""

    def __init__(
        self, producer: AIOKafkaProducer, backdate: Callable[[TopicPartition, float], None], *, linger_s: float
    ) -> None:
        """Begin, within the running loop.

        Args:
            producer: A started one.
            backdate: Makes the batch that the producer was just given for a partition so many seconds older.
            linger_s: How long a record may wait for company.
        """
        self._producer: Any = producer
        self._backdate = backdate
        self._cluster = self._producer.client.cluster
        self._linger_s = linger_s
        self._loop = asyncio.get_running_loop()
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._waiting: dict[TopicPartition, deque[_Batch[Ticket]]] = {}
        self._under_way: dict[TopicPartition, int] = {}
        """The partitions whose batch is with the producer; and to which leader it was to go."""
        self._busy: set[int] = set()
        """Leaders that have not answered since batches went to them: the producer would hold others back for them."""
        self._opened: set[TopicPartition] = set()
        """Partitions that have had a batch opened since they were looked at last."""
        self._settled = False
        """Whether a batch was settled since then, so that any other one may be free to go."""
        self._sending: asyncio.Task[None] | asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None

    def add(self, topic: str, record: Record, ticket: Ticket, outcomes: Outcomes[Ticket]) -> None:
        """Take a record for a topic that the producer knows; `outcomes` will be told of `ticket`."""
        headers = _headers(record)  # first, as it may raise: a batch that was opened has a record
        partition = self._partition(topic, record.key)
        batches = self._waiting.get(partition)
        if batches is None or not _append(batches[-1], record, headers):
            batch = self._open(partition, outcomes)
            _append(batch, record, headers)  # the first record of a batch may have any size
        else:
            batch = batches[-1]
        batch.tickets.append(ticket)

    async def drained(self) -> None:
        """Wait until what was added has its outcome, all of it."""
        while self._waiting or self._under_way:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def fail_waiting(self, error: BaseException) -> None:
        """Give up the records that are not with the producer yet; their outcome is `error`."""
        waiting, self._waiting = self._waiting, {}
        for batches in waiting.values():
            for batch in batches:
                batch.outcomes.failed(batch.tickets, error)
        self._wake_if_drained()

    def _partition(self, topic: str, key: bytes | None) -> TopicPartition:
        """Choose by the key as every Kafka client does; without one any that has a leader."""
        partitions = self._partitions.get(topic)
        if partitions is None:
            count = len(self._cluster.partitions_for_topic(topic))
            partitions = self._partitions[topic] = [TopicPartition(topic, number) for number in range(count)]
        if key is not None:
            return partitions[partition_of(key, len(partitions))]
        led = [partitions[number] for number in self._cluster.available_partitions_for_topic(topic)]
        return random.choice(led or partitions)  # noqa: S311 - which one is nobody's secret

    def _open(self, partition: TopicPartition, outcomes: Outcomes[Ticket]) -> _Batch[Ticket]:
        batch = _Batch(partition, self._producer.create_batch(), outcomes, self._loop.time())
        self._waiting.setdefault(partition, deque()).append(batch)
        self._opened.add(partition)
        if self._sending is None and self._linger_s:
            self._sending = self._loop.call_later(self._linger_s, self._send_soon)
        elif self._sending is None:
            self._send_soon()
        return batch

    def _send_soon(self) -> None:
        self._sending = self._loop.create_task(self._send_ready())

    async def _send_ready(self) -> None:
        """Give the producer a batch of each partition that may have one; those for one leader become one request."""
        self._sending = None
        self._forget_grown_topics()
        may_go = list(self._waiting) if self._settled else self._opened
        self._settled, self._opened = False, set()
        addressed = set()
        for partition in may_go:
            leader = self._cluster.leader_for_partition(partition)
            if partition in self._under_way or partition not in self._waiting or leader in self._busy:
                continue
            batch = self._take(partition)
            self._under_way[partition] = leader
            try:
                if leader is None:  # the topic was deleted: asked for it by name, a broker might make it again
                    raise UnknownTopicOrPartitionError  # noqa: TRY301 - as the producer's own refusals
                # Waits for nothing: the topic is known, and no batch of the partition is before this one.
                stored = await self._producer.send_batch(batch.builder, partition.topic, partition=partition.partition)
                # It gives a batch up after a request timeout, so that its records' senders are told in time.
                self._backdate(partition, self._loop.time() - batch.opened_at)
            except Exception as error:  # noqa: BLE001 - whatever the client raises: the batch was not appended
                self._settle(batch, error)
            else:
                stored.add_done_callback(partial(self._answered, batch))
                addressed.add(leader)
        # Without a leader at present (-1) the producer holds a batch back for it alone, and no other one.
        self._busy |= addressed - {-1}

    def _forget_grown_topics(self) -> None:
        for topic, partitions in list(self._partitions.items()):
            if len(self._cluster.partitions_for_topic(topic) or ()) != len(partitions):
                del self._partitions[topic]

    def _take(self, partition: TopicPartition) -> _Batch[Ticket]:
        batches = self._waiting[partition]
        batch = batches.popleft()
        if not batches:
            del self._waiting[partition]
        return batch

    def _answered(self, batch: _Batch[Ticket], stored: asyncio.Future[RecordMetadata]) -> None:
        if stored.cancelled():
            self._settle(batch, asyncio.CancelledError())
        else:
            self._settle(batch, stored.exception() or stored.result())

    def _settle(self, batch: _Batch[Ticket], outcome: RecordMetadata | BaseException) -> None:
        """Let the next batches go, then tell."""
        self._busy.discard(self._under_way.pop(batch.partition))
        self._settled = True
        if self._waiting and self._sending is None:
            self._send_soon()
        if isinstance(outcome, BaseException):
            batch.outcomes.failed(batch.tickets, outcome)
        else:
            batch.outcomes.acknowledged(batch.tickets, outcome)
        self._wake_if_drained()

    def _wake_if_drained(self) -> None:
        if self._drained is not None and not self._waiting and not self._under_way:
            self._drained.set_result(None)
            self._drained = None


def _headers(record: Record) -> list[tuple[str, bytes]]:
    headers = [(name, text.encode()) for name, text in record.headers.items()]
    if record.is_tombstone:
        headers.insert(0, ("content-type", b""))  # the type of nothing: such records always had it
    headers.insert(1, ("correlation_id", record.id.encode()))
    return headers


def _append(batch: _Batch[Any], record: Record, headers: list[tuple[str, bytes]]) -> bool:
    """Append a record; say whether there was room."""
    value = None if record.is_tombstone else record.value
    added = batch.builder.append(timestamp=record.timestamp_ms, key=record.key, value=value, headers=headers)
    return added is not None
