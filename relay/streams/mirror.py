"""Reading the latest-state topic along: from its beginning for a partition that is newly ours, then as it grows."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from relay.publishing.connection import KafkaConnection

_POLL_MS: Final = 200
_AT_ONCE: Final = 500
_RETRY_S: Final = 1.0

_log = logging.getLogger(__name__)

Found = Callable[[int, bytes, bytes | None], None]
"""Takes partition, key and value of each record, in order; must not block."""


class Mirror:
    """Tells what stands on a topic, for the partitions that are owned. For one event loop's thread."""

    def __init__(self, connection: KafkaConnection, topic: str, found: Found) -> None:
        self._connection = connection
        self._topic = topic
        self._found = found
        self._owned: frozenset[int] = frozenset()
        self._positions: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._caught_up: dict[int, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running loop; waits through outages of Kafka."""
        self._following = asyncio.create_task(self._follow(), name="latest-state-mirror")

    async def stop(self) -> None:
        """End it."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})

    def own(self, partitions: frozenset[int]) -> None:
        """Follow these from now on, and no others. Who waits for one of the others waits no longer."""
        for event in self._caught_up.values():
            event.set()
        self._caught_up = {partition: asyncio.Event() for partition in partitions}
        self._positions = {partition: self._positions[partition] for partition in partitions & self._positions.keys()}
        self._ends = {}
        self._owned = partitions
        self._changed.set()

    async def caught_up(self, partitions: Iterable[int]) -> None:
        """Wait until all that stood on them when they were last assigned has been told, or they are not owned."""
        for partition in partitions:
            event = self._caught_up.get(partition)
            if event is not None:
                await event.wait()

    async def _follow(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=list(self._connection.bootstrap_servers),
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                **self._connection.client_options(),
            )
            try:
                await consumer.start()
                self._changed.set()
                while True:
                    await self._turn(consumer)
            except KafkaError as error:
                _log.warning("the latest-state topic cannot be read; it is tried again: %s", type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            finally:
                await consumer.stop()

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        if self._changed.is_set():
            self._changed.clear()
            await self._assign(consumer)
        if not self._owned:
            await self._changed.wait()
            return
        owned = self._owned
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
        if owned is not self._owned:
            return  # reassigned meanwhile: it is read again from the kept position
        for where, records in fetched.items():
            for record in records:
                if record.key is not None:
                    self._found(where.partition, record.key, record.value)
            self._positions[where.partition] = records[-1].offset + 1
        await self._judge(consumer)

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        owned = self._owned
        places = [TopicPartition(self._topic, partition) for partition in owned]
        consumer.assign(places)
        for place in places:
            if place.partition in self._positions:
                consumer.seek(place, self._positions[place.partition])
        ends = await consumer.end_offsets(places) if places else {}
        if owned is self._owned:
            self._ends = {place.partition: end for place, end in ends.items()}

    async def _judge(self, consumer: AIOKafkaConsumer) -> None:
        for partition, end in list(self._ends.items()):
            # The position, not the last record's offset: what was compacted away leaves gaps.
            if await consumer.position(TopicPartition(self._topic, partition)) >= end and partition in self._ends:
                del self._ends[partition]
                self._caught_up[partition].set()
