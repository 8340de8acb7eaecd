"""Reading what stands on topics now, once and to its end: for commands. No group, so nobody's offsets move."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from relay.publishing.cluster import ClusterUnreachableError, cause_of, read_cluster
from relay.publishing.connection import KafkaConnection
from relay.publishing.failures import reason_of
from relay.publishing.topics import FoundTopic, Listing
from relay.reasons import Reason
from relay.streams.tail import TailedRecord, TopicMissingError, may_not_read

_ANSWER_MS: Final = 10_000
"""Patience of an operator's command with one question; the relay's own is an answer's time."""
_STALLED_S: Final = 20.0
_STOP_LIMIT_S: Final = 3.0
_POLL_MS: Final = 200
_AT_ONCE: Final = 500
_WAIT_MS: Final = 50
"""How long a broker waits for records at a partition's end; a question on the same connection waits with it."""
_EVERYTHING_IS_GONE: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a partition: the offsets from `begin` to before `end`."""

    topic: str
    partition: int
    begin: int
    end: int
    reaches_back_ms: int = 0
    """From when on every record written to the partition still stands there: Unix milliseconds.

    0 where none was ever deleted.
    """


class TopicReader:
    """Reads topics that a full listing showed. One task at a time; `reading` makes one."""

    def __init__(self, consumer: AIOKafkaConsumer, listing: Listing, connection: KafkaConnection) -> None:
        """Use `reading`."""
        self._consumer = consumer
        self._listing = listing
        self._connection = connection

    def topic(self, name: str) -> FoundTopic:
        """Give what the listing shows of a topic.

        Raises:
            TopicMissingError: it is not there.
        """
        found = self._listing.topics.get(name)
        if found is None:
            raise TopicMissingError(name)
        return found

    async def stretches(
        self, topic: str, *, partitions: Collection[int] | None = None, since_ms: int = 0
    ) -> list[Stretch]:
        """Give what stands on `partitions` (None: all) now, from the first record written at `since_ms` or later on.

        Written, by the records' own timestamps.

        Raises:
            TopicMissingError: a full listing does not show the topic.
            ClusterUnreachableError: the brokers do not answer, or our user may not read it.
        """
        numbers = range(self.topic(topic).partitions) if partitions is None else partitions
        places = [TopicPartition(topic, number) for number in numbers]
        if not places:
            return []
        with self._in_words(topic):
            begins = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
            oldest = await self._consumer.offsets_for_times(dict.fromkeys(places, 0))
            since = oldest if since_ms == 0 else await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))

        def stretch(place: TopicPartition) -> Stretch:
            first, from_then = oldest[place], since[place]
            begin = ends[place] if from_then is None else max(from_then.offset, begins[place])
            back = 0
            if begins[place] > 0:
                back = _EVERYTHING_IS_GONE if first is None else first.timestamp
            return Stretch(topic, place.partition, begin, ends[place], back)

        return [stretch(place) for place in places]

    async def records(self, stretches: Sequence[Stretch]) -> AsyncIterator[TailedRecord]:
        """Give the records of stretches of one topic, each partition's in its order. Not two of these at a time.

        Raises:
            ClusterUnreachableError: the brokers do not answer for long, or our user may not read the topic.
        """
        ends = {TopicPartition(each.topic, each.partition): each.end for each in stretches if each.begin < each.end}
        if not ends:
            return
        topic = stretches[0].topic
        with self._in_words(topic):
            self._consumer.assign(list(ends))
            for each in stretches:
                if each.begin < each.end:
                    self._consumer.seek(TopicPartition(topic, each.partition), each.begin)
        while ends:
            with self._in_words(topic):
                batch = await self._fetch(ends)
            for record in batch:
                yield record

    async def _fetch(self, ends: dict[TopicPartition, int]) -> list[TailedRecord]:
        """Give the next records before `ends`, and take out of `ends` what was read to there; one of both at least."""
        async with asyncio.timeout(_STALLED_S):
            while True:
                fetched = await self._consumer.getmany(*ends, timeout_ms=_POLL_MS, max_records=_AT_ONCE)
                found = [
                    TailedRecord.of(it) for place, batch in fetched.items() for it in batch if it.offset < ends[place]
                ]
                # The position, not the last record's offset: what was compacted or deleted leaves gaps.
                read = [place for place, end in ends.items() if await self._consumer.position(place) >= end]
                for place in read:
                    del ends[place]
                if found or read:
                    return found

    @contextmanager
    def _in_words(self, topic: str) -> Iterator[None]:
        """Make one sentence of whatever aiokafka raises."""
        try:
            yield
        except TopicAuthorizationFailedError as error:
            raise may_not_read(topic, self._connection) from error
        except TimeoutError as error:
            message = f"{topic} cannot be read on at {self._connection.servers}: the brokers do not answer any more."
            raise ClusterUnreachableError(message, Reason.KAFKA_UNREACHABLE) from error
        except KafkaError as error:
            message = f"{topic} cannot be read at {self._connection.servers}: {cause_of(error, self._connection)}."
            raise ClusterUnreachableError(message, reason_of(error)) from error


@asynccontextmanager
async def reading(connection: KafkaConnection, *, describe: Iterable[str] = ()) -> AsyncIterator[TopicReader]:
    """Be able to read; `describe` names topics whose configuration `TopicReader.topic` is to tell.

    Creates nothing, whatever the broker allows: only what stands in a full listing is asked for.

    Raises:
        ClusterUnreachableError: no broker answers.
        UnusableConnectionError: no client can be made from `connection`.
    """
    listing = await read_cluster(connection, describe=tuple(describe))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(connection.bootstrap_servers),
        group_id=None,
        enable_auto_commit=False,
        fetch_max_wait_ms=_WAIT_MS,
        auto_offset_reset="earliest",  # what retention takes while it is read is passed over
        **connection.client_options() | {"request_timeout_ms": _ANSWER_MS},
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await _stop(consumer)
        message = f"No consumer could be started at {connection.servers}: {cause_of(error, connection)}."
        raise ClusterUnreachableError(message, reason_of(error)) from error
    try:
        yield TopicReader(consumer, listing, connection)
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # A broker that does not answer must not hold the terminal.
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({stopping}, timeout=_STOP_LIMIT_S)
    if not stopping.done():
        stopping.cancel()
    elif not stopping.cancelled():  # with the broker away, aiokafka cancels it from within
        stopping.exception()  # looked at, so that asyncio does not report it: nothing is left to do about it
