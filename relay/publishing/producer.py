"""One started producer, from its start to its end: FastStream's broker with aiokafka's producer inside.

The only module that looks inside aiokafka's producer, for what its interface does not tell: which
topics its last listing showed, whether its tasks still run, and how to end it when Kafka lets it not.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Self
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.structs import TopicPartition
from faststream.kafka import KafkaBroker

from relay.events.record import Record
from relay.publishing.batches import Batches, Outcomes, Ticket
from relay.publishing.cluster import ClusterUnreachableError, cause_of
from relay.publishing.connection import KafkaConnection
from relay.publishing.failures import reason_of
from relay.publishing.listing import ListTopics, topic_id
from relay.publishing.replacement import Cause
from relay.reasons import Reason

MAX_RECORD_BYTES: Final = 2 * 1024 * 1024
"""The largest record, above the largest accepted body, so that any fits a dead letter."""
MAX_BATCH_BYTES: Final = 256 * 1024
"""A partition's batch. With aiokafka's 16 KiB, a thousand waiting sends wake each other at ten times the cost."""
_METADATA_MAX_AGE_MS: Final = 60_000
"""How long an idle producer may believe in a topic that was deleted."""
_FIRST_LISTING_S: Final = 10.0
_HASTY_STOP_S: Final = 1.0
_METADATA_PAUSE_S: Final = 0.05
_CANCELS: Final = 5
_BROKERS_ASKED: Final = 3
"""Of many brokers, enough to say that none answers: each that hangs costs a request timeout."""


class RunningProducer:
    """A producer that works until `stop`. acks is all and idempotence off, by design; `start` makes one."""

    def __init__(self, broker: "_ProducingBroker", producer: AIOKafkaProducer, *, linger_s: float) -> None:
        """Use `start`."""
        self._broker = broker
        self._producer: Any = producer
        self._batches: Batches[Any] = Batches(producer, self._backdate, linger_s=linger_s)
        self._cluster = self._producer.client.cluster
        self._refreshes = broker.refreshes
        self._asked: set[asyncio.Task[Mapping[str, UUID | None]]] = set()

    @classmethod
    async def start(cls, connection: KafkaConnection, *, max_batch_bytes: int = MAX_BATCH_BYTES) -> Self:
        """Connect, list all topics once, and give the producer.

        Waits some request timeouts at most. When cancelled, it first ends what it began: aiokafka
        loses a connection that is cancelled while it is being made.

        Raises:
            ClusterUnreachableError: no broker answered; nothing is left open.
            UnusableConnectionError: no client can be made from `connection`.
        """
        broker, linger_s = _broker(connection, max_batch_bytes), connection.linger_ms / 1000
        try:
            await _completed(broker.start())
            listed = broker.aiokafka is not None and await _listed(broker.aiokafka)
        except KafkaError as error:
            message = f"No producer could be started at {connection.servers}: {cause_of(error, connection)}."
            raise ClusterUnreachableError(message, reason_of(error)) from error
        except asyncio.CancelledError:
            if broker.aiokafka is not None:
                await cls(broker, broker.aiokafka, linger_s=linger_s).stop(limit=_HASTY_STOP_S)
            raise
        running = cls(broker, broker.aiokafka, linger_s=linger_s)
        if not listed:
            await running.stop(limit=_HASTY_STOP_S)
            message = (
                f"The brokers behind {connection.servers} (RELAY_KAFKA__BOOTSTRAP_SERVERS) cannot be reached at "
                "the addresses that they advertise: look at their advertised.listeners, or at the network between."
            )
            raise ClusterUnreachableError(message, Reason.KAFKA_UNREACHABLE)
        return running

    @property
    def failure(self) -> Cause | None:
        """Which of its tasks is over, so that it can never publish again, or None. Costs nothing; never blocks."""
        if self._producer._sender.sender_task.done():  # noqa: SLF001 - see the module's docstring
            return Cause.SENDER_STOPPED
        follower = self._producer.client._sync_task  # noqa: SLF001 - see the module's docstring
        if follower is None or follower.done():
            return Cause.METADATA_STOPPED
        return None

    @property
    def out_of_touch(self) -> bool:
        """Whether its last try to learn of the cluster failed at every broker that it knows."""
        return self._refreshes.failed

    @property
    def addresses(self) -> frozenset[tuple[str, int]]:
        """Host and port of each broker that it knows."""
        return frozenset((broker.host, broker.port) for broker in self._cluster.brokers())

    async def topic_ids(self) -> Mapping[str, UUID | None]:
        """Ask some brokers for the ids of all topics there are; give the first answer, empty if none answers.

        On connections of their own, so that no record waits behind it. Waits for a request timeout at most.
        """
        nodes = [broker.nodeId for broker in self._cluster.brokers()]
        chosen = random.sample(nodes, k=min(_BROKERS_ASKED, len(nodes)))
        asked = [asyncio.create_task(self._topic_ids_of(node)) for node in chosen]
        for task in asked:  # they end by themselves: aiokafka loses a connection that is cancelled while it is made
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        for answer in asyncio.as_completed(asked):
            if found := await answer:
                return found
        return {}

    async def _topic_ids_of(self, node: int) -> Mapping[str, UUID | None]:
        try:
            listed = await self._producer.client.send(node, ListTopics(), group=ConnectionGroup.COORDINATION)
        except KafkaError:
            return {}
        return {topic["topic"]: topic_id(topic) for topic in listed.to_object()["topics"]}

    def knows(self, partition: TopicPartition) -> bool:
        """Whether the last full listing showed the topic of `partition`. Costs nothing; never blocks.

        Only a topic that it knows may be published to: for another one aiokafka would ask by name,
        and a broker with automatic creation would then make it.
        """
        return self._cluster.leader_for_partition(partition) is not None

    def publish(self, topic: str, record: Record, ticket: Ticket, outcomes: Outcomes[Ticket]) -> None:
        """Take a record of at most `MAX_RECORD_BYTES`, for a topic that it `knows`; `outcomes` is told of `ticket`.

        Never blocks: what Kafka does not take at once waits here.
        """
        self._batches.add(topic, record, ticket, outcomes)

    async def stop(self, limit: float) -> None:
        """Send what is left, then close; after `limit` seconds cut off what Kafka did not answer.

        Cancelling it cuts off at once. A producer that has failed is cut off without waiting.
        The outcome of every record was told when this returns, but for those that are being cut off
        while a connection is being made: they follow within a request timeout.
        """
        if self.failure is None:
            stopping = asyncio.ensure_future(self._finish())
            try:
                await asyncio.wait({stopping}, timeout=limit)
            except asyncio.CancelledError:
                stopping.cancel()
                await self._cut_off()
                raise
            if stopping.done() and stopping.exception() is None:
                return
            stopping.cancel()
        await self._cut_off()

    def _backdate(self, partition: TopicPartition, seconds: float) -> None:
        """Make the batch that was just queued so much older: aiokafka counts from when it was given it."""
        self._producer._message_accumulator._batches[partition][-1]._ctime -= seconds  # noqa: SLF001 - see the module's docstring

    async def _finish(self) -> None:
        await self._batches.drained()
        await self._broker.stop()

    async def _cut_off(self) -> None:
        """End every task and connection without waiting for Kafka; fail what is unacknowledged."""
        self._batches.fail_waiting(ProducerClosed())
        producer, client = self._producer, self._producer.client
        batches = producer._message_accumulator  # noqa: SLF001 - see the module's docstring
        producer._closed = batches._closed = True  # noqa: SLF001 - else its finaliser complains
        for batch in _unacknowledged(batches):
            batch._ttl = -1.0  # noqa: SLF001 - expired: a request that fails now is not tried again
        # The sender takes a first cancellation as the order to finish its requests, a second one as the end.
        tasks = [producer._sender.sender_task, client._sync_task]  # noqa: SLF001 - see the module's docstring
        for _ in range(_CANCELS):
            for task in filter(None, tasks):
                task.cancel()
            await asyncio.sleep(0)
        for connection in list(client._conns.values()):  # noqa: SLF001 - see the module's docstring
            writer = connection._writer  # noqa: SLF001 - see the module's docstring
            connection.close()
            if writer is not None:
                writer.transport.abort()  # close() alone waits for a peer that does not read
        for _ in range(_CANCELS):
            await asyncio.sleep(0)
        for batch in _unacknowledged(batches):
            batch.drain_ready()  # wakes those who wait for room, so that no failed future stays unread
            batch.failure(ProducerClosed())
        for _ in range(_CANCELS):  # until all are told
            await asyncio.sleep(0)


class _ProducingBroker(KafkaBroker):
    """FastStream's broker that only publishes, and shows aiokafka's producer.

    The original makes its producer where nobody can reach it: after a failed start it could not be
    closed and complains when it is collected. It also starts an admin client that we never use.
    """

    aiokafka: AIOKafkaProducer | None = None
    refreshes: "_Refreshes"

    async def _connect(self) -> Any:  # noqa: ANN401 - FastStream's type for the consumer's maker, unused here
        producer = AIOKafkaProducer(**self._connection_kwargs)
        self.refreshes = _Refreshes(producer.client)
        try:
            await self.config.broker_config.producer.connect(producer, serializer=None)
        except BaseException:
            await producer.stop()
            raise
        self.aiokafka = producer
        return self.config.broker_config.builder


def _broker(connection: KafkaConnection, max_batch_bytes: int) -> _ProducingBroker:
    return _ProducingBroker(
        list(connection.bootstrap_servers),
        security=connection.security(),
        client_id=connection.client_id,
        request_timeout_ms=connection.request_timeout_ms,
        metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        acks="all",
        enable_idempotence=False,
        compression_type=None if connection.compression == "none" else connection.compression,
        max_batch_size=max_batch_bytes,
        max_request_size=MAX_RECORD_BYTES,
        logger=logging.getLogger("faststream"),
        apply_types=False,
    )


class _Refreshes:
    """The refreshes of a client's metadata: a pause between two, and how the last one ended.

    aiokafka's sender asks again at once for as long as it holds a record of a partition without leader,
    or of a deleted topic: over a thousand requests a second, with the event loop busy doing nothing else.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - aiokafka has no types
        """Stand between `client` and its own way to refresh, from now on."""
        self.failed = False
        self._refresh = client._metadata_update  # noqa: SLF001 - see the module's docstring
        self._clock = asyncio.get_running_loop().time
        self._last = -_METADATA_PAUSE_S
        client._metadata_update = self._paced  # noqa: SLF001 - see the module's docstring

    async def _paced(self, *arguments: Any) -> bool:  # noqa: ANN401 - passed through
        await asyncio.sleep(max(0.0, self._last + _METADATA_PAUSE_S - self._clock()))
        try:
            refreshed: bool = await self._refresh(*arguments)
        finally:
            self._last = self._clock()
        self.failed = not refreshed
        return refreshed


async def _listed(producer: AIOKafkaProducer) -> bool:
    """Refresh the metadata, of all topics since none is tracked; say whether a broker answered."""
    refresh: asyncio.Future[bool] = producer.client.force_metadata_update()
    await asyncio.wait({refresh}, timeout=_FIRST_LISTING_S)
    return refresh.done() and refresh.result()


def _unacknowledged(accumulator: Any) -> list[Any]:  # noqa: ANN401 - aiokafka has no types
    queued = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001 - see the module's docstring
    return queued + list(accumulator._pending_batches)  # noqa: SLF001 - see the module's docstring


async def _completed(work: Awaitable[None]) -> None:
    """Await `work` to its end, even when cancelled meanwhile: the cancellation is passed on afterwards."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # read, so that nobody is told of it: the caller has left
        raise
