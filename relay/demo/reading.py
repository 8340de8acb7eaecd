"""Reading along: every record of the relay's topics, from the start of the run to its end.

Along, not afterwards: the embedded broker keeps about 5 MiB a partition and then drops the oldest
silently. A plain consumer without a group, so that nobody's offsets move; and nothing is ever asked of
Kafka about a topic that a full listing did not show, which might create it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from relay.events.record import Destination
from relay.publishing.cluster import read_cluster
from relay.publishing.connection import KafkaConnection

_POLL_MS: Final = 200
_START_LIMIT_S: Final = 15.0
_STOP_LIMIT_S: Final = 3.0


class ReadingError(Exception):
    """The topics cannot be read, or not to their end; the text is one sentence and says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record as it stands on one of the relay's topics."""

    destination: Destination
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    """Empty for a record without a value: the relay writes none to these topics."""
    headers: Mapping[str, bytes]


class TopicsReader:
    """Follows the topics from the moment it was opened. All calls from one task, in this order."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topics: Mapping[str, Destination],
        partitions: list[TopicPartition],
        tell: Callable[[Found], None],
    ) -> None:
        """Use `open`."""
        self._consumer = consumer
        self._topics = topics
        self._partitions = partitions
        self._tell = tell

    @classmethod
    async def open(
        cls, connection: KafkaConnection, topics: Mapping[Destination, str], tell: Callable[[Found], None]
    ) -> Self:
        """Stand at the present end of every partition of `topics`; each record after it will go to `tell`.

        Raises:
            ReadingError: a topic is missing, or the brokers do not answer.
            relay.publishing.cluster.ClusterUnreachableError: no broker answered at all.
        """
        listing = await read_cluster(connection)
        missing = [name for name in topics.values() if name not in listing.topics]
        if missing:
            message = f"There is no topic {' nor '.join(missing)}: create it with `relay topics apply`."
            raise ReadingError(message)
        partitions = [
            TopicPartition(name, number)
            for name in topics.values()
            for number in range(listing.topics[name].partitions)
        ]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(connection.bootstrap_servers),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # records dropped before they were read are an error, not a gap
        )
        reader = cls(consumer, {name: destination for destination, name in topics.items()}, partitions, tell)
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await consumer.start()
                ends = await consumer.end_offsets(partitions)
                consumer.assign(partitions)
                for partition, offset in ends.items():
                    consumer.seek(partition, offset)
        except (KafkaError, TimeoutError) as error:
            await reader.close()
            message = f"The topics cannot be read at {connection.servers} ({type(error).__name__})."
            raise ReadingError(message) from error
        return reader

    async def follow(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set.

        Raises:
            ReadingError: records were dropped by the broker before they could be read.
        """
        while not stop.is_set():
            await self._read(_POLL_MS)

    async def finish(self, limit_s: float) -> None:
        """Read on to where the topics end now.

        Raises:
            ReadingError: the end was not reached within `limit_s`, or records were dropped.
        """
        try:
            async with asyncio.timeout(limit_s):
                ends = await self._consumer.end_offsets(self._partitions)
                while any([await self._consumer.position(partition) < end for partition, end in ends.items()]):
                    await self._read(_POLL_MS)
        except (KafkaError, TimeoutError) as error:
            message = f"The topics could not be read to their end within {limit_s:.0f} s ({type(error).__name__})."
            raise ReadingError(message) from error

    async def close(self) -> None:
        """Leave, in 3 s at most."""
        stopping = asyncio.ensure_future(self._consumer.stop())
        await asyncio.wait({stopping}, timeout=_STOP_LIMIT_S)
        if not stopping.done():
            stopping.cancel()
        elif not stopping.cancelled():  # with the broker away, aiokafka cancels it from within
            stopping.exception()  # looked at, so that asyncio does not report it: nothing is left to do about it

    async def _read(self, timeout_ms: int) -> None:
        try:
            batches = await self._consumer.getmany(timeout_ms=timeout_ms)
        except OffsetOutOfRangeError as error:
            message = "The broker dropped records before they were read, so that nothing can be said about them."
            raise ReadingError(message) from error
        for partition, records in batches.items():
            for record in records:
                self._tell(
                    Found(
                        destination=self._topics[partition.topic],
                        partition=partition.partition,
                        offset=record.offset,
                        timestamp_ms=record.timestamp,
                        key=record.key,
                        value=record.value or b"",
                        headers={name: value or b"" for name, value in record.headers},
                    )
                )
