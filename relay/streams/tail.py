"""Following a topic as it grows, without a group: nobody else's offsets move, and none are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from faststream.kafka import KafkaBroker, TopicPartition

from relay.publishing.cluster import ClusterUnreachableError, cause_of, read_cluster
from relay.publishing.connection import KafkaConnection
from relay.publishing.failures import reason_of
from relay.reasons import Reason

_START_LIMIT_S: Final = 15.0
_STOP_LIMIT_S: Final = 3.0


class TopicMissingError(Exception):
    """The topic does not exist, or our user may not see it; the text says what to do."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"Topic {topic} is missing, or our user may not see it: look at its name, or create the relay's topics "
            "with `relay topics apply`."
        )


@dataclass(frozen=True, slots=True)
class TailedRecord:
    """A record as it stands on the topic."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    """None: a tombstone."""
    headers: dict[str, str]

    @classmethod
    def of(cls, record: ConsumerRecord) -> Self:
        """Give a record of aiokafka's as it is told here."""
        return cls(
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp,
            key=record.key,
            value=record.value,
            headers={name: value.decode(errors="replace") for name, value in record.headers if value is not None},
        )


def may_not_read(topic: str, connection: KafkaConnection) -> ClusterUnreachableError:
    """Give the error to raise where our user may see a topic and not read it."""
    message = f"{topic} cannot be read at {connection.servers}: our user needs the right Read on it."
    return ClusterUnreachableError(message, Reason.NOT_AUTHORIZED)


@asynccontextmanager
async def following(
    connection: KafkaConnection, topic: str, *, from_beginning: bool
) -> AsyncIterator[AsyncIterator[TailedRecord]]:
    """Follow `topic`: once entered, every record written from then on (or from the first one) will be given.

    Waits through outages of Kafka once it has begun. Partitions added later are not seen. Creates
    nothing, whatever the broker allows: the topic must stand in a full listing.

    Raises:
        ClusterUnreachableError: no broker answered, on entering; or our user may not read, while reading.
        TopicMissingError: on entering.
        UnusableConnectionError: no client can be made from `connection`.
    """
    listing = await read_cluster(connection)
    found = listing.topics.get(topic)
    if found is None:
        raise TopicMissingError(topic)
    broker = KafkaBroker(
        list(connection.bootstrap_servers),
        security=connection.security(),
        client_id=connection.client_id,
        request_timeout_ms=connection.request_timeout_ms,
        consumer_only=True,
        allow_auto_create_topics=False,  # FastStream would make the topic itself
        apply_types=False,
        logger=None,
        graceful_timeout=_STOP_LIMIT_S,
    )
    subscriber = broker.subscriber(
        partitions=[TopicPartition(topic, partition) for partition in range(found.partitions)],
        auto_offset_reset="earliest" if from_beginning else "latest",
    )
    try:
        async with asyncio.timeout(_START_LIMIT_S):
            await broker.start()
            if not from_beginning and subscriber.consumer is not None:
                await subscriber.consumer.seek_to_end()  # now, not at the first fetch: nothing in between is missed
    except (KafkaError, TimeoutError) as error:
        await _stop(broker)
        message = f"{topic} cannot be read at {connection.servers}: {cause_of(error, connection)}."
        raise ClusterUnreachableError(message, _reason(error)) from error
    try:
        yield _records(subscriber)
    except TopicAuthorizationFailedError as error:
        raise may_not_read(topic, connection) from error
    finally:
        await _stop(broker)


async def _records(subscriber: Any) -> AsyncIterator[TailedRecord]:  # noqa: ANN401 - FastStream's overloads hide its class
    async for message in subscriber:
        yield TailedRecord.of(message.raw_message)


async def _stop(broker: KafkaBroker) -> None:
    # A broker that does not answer must not hold the terminal; the process ends anyway.
    stopping = asyncio.ensure_future(broker.stop())
    await asyncio.wait({stopping}, timeout=_STOP_LIMIT_S)
    stopping.cancel()
    await asyncio.wait({stopping}, timeout=_STOP_LIMIT_S)
    if stopping.done() and not stopping.cancelled():  # without a broker, aiokafka's stop ends as cancelled
        stopping.exception()  # looked at, so that asyncio does not report it: nobody can do anything about it


def _reason(error: BaseException) -> Reason:
    return Reason.KAFKA_UNREACHABLE if isinstance(error, TimeoutError) else reason_of(error)
