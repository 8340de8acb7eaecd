"""Reads what a topic holds, with a plain consumer: no group, no FastStream, nothing of the relay's."""

import asyncio
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient


class NoSuchTopicError(Exception):
    """The topic is not in a full listing. It was not asked for by name, which could have created it."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it lies in Kafka."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    """In their order, repeated names included."""
    timestamp_ms: int


async def read_topic(bootstrap_servers: str, topic: str, *, within_s: float = 20.0) -> list[StoredRecord]:
    """Give the records of `topic` from the beginning to where it ends at this moment, by partition and offset.

    Raises:
        NoSuchTopicError: a full listing does not show the topic.
        TimeoutError: the end was not reached within `within_s`.
    """
    async with asyncio.timeout(within_s):
        partitions = await _partitions(bootstrap_servers, topic)
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None, enable_auto_commit=False)
        await consumer.start()
        try:
            return await _read(consumer, partitions)
        finally:
            await consumer.stop()


async def _partitions(bootstrap_servers: str, topic: str) -> list[TopicPartition]:
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    try:
        await client.bootstrap()
        listing = await client.fetch_all_metadata()
    finally:
        await client.close()
    if topic not in listing.topics():
        message = f"There is no topic {topic}."
        raise NoSuchTopicError(message)
    return [TopicPartition(topic, number) for number in listing.partitions_for_topic(topic)]


async def _read(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> list[StoredRecord]:
    ends = await consumer.end_offsets(partitions)
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    records: list[StoredRecord] = []
    unread = set(partitions)
    while unread:
        # The position, not the last record's offset: it also passes what is no record (markers, compacted gaps).
        unread = {partition for partition in unread if await consumer.position(partition) < ends[partition]}
        if not unread:
            break
        for partition, batch in (await consumer.getmany(*unread, timeout_ms=100)).items():
            records += [
                StoredRecord(
                    partition=message.partition,
                    offset=message.offset,
                    key=message.key,
                    value=message.value,
                    headers=[(name, value) for name, value in message.headers],
                    timestamp_ms=message.timestamp,
                )
                for message in batch
                if message.offset < ends[partition]
            ]
    return sorted(records, key=lambda record: (record.partition, record.offset))
