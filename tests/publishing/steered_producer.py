"""aiokafka's producer as far as batches go to it, steered by a test: no broker, no time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace

from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

TOPIC = "status"


class SteeredProducer:
    """Keeps the batches that it was sent until they are answered. `leaders` holds each partition's."""

    def __init__(self, leaders: Sequence[int], *, batch_bytes: int = 10_000) -> None:
        self.leaders: dict[int, int] = dict(enumerate(leaders))
        self.sent: dict[int, int] = {}
        """By partition: how many records the batch holds that is not answered yet."""
        self.requests: list[set[int]] = []
        """The partitions whose batches were sent in one turn of the loop."""
        self.ages: list[float] = []
        """How old each batch was made when it was sent, in seconds."""
        self.refusal: KafkaError | None = None
        """What `send_batch` raises."""
        self.client = SimpleNamespace(cluster=self)
        self._batch_bytes = batch_bytes
        self._answers: dict[int, asyncio.Future[RecordMetadata]] = {}
        self._in_this_turn: set[int] | None = None
        self._offsets: Counter[int] = Counter()

    # The cluster's metadata

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(self.leaders) if topic == TOPIC and self.leaders else None

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        assert topic == TOPIC
        return {number for number, leader in self.leaders.items() if leader >= 0}

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        return self.leaders.get(partition.partition)

    # The producer

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._batch_bytes, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        assert topic == TOPIC
        assert partition not in self.sent, "a second batch of a partition is under way"
        if self.refusal is not None:
            raise self.refusal
        self.sent[partition] = batch.record_count()
        if self._in_this_turn is None:
            self.requests.append(set())
            asyncio.get_running_loop().call_soon(self._end_turn)
        self._in_this_turn = self.requests[-1]
        self._in_this_turn.add(partition)
        self._answers[partition] = asyncio.get_running_loop().create_future()
        return self._answers[partition]

    def backdate(self, partition: TopicPartition, seconds: float) -> None:
        assert partition.partition in self.sent
        self.ages.append(seconds)

    def _end_turn(self) -> None:
        self._in_this_turn = None

    # The test

    def answer(self, *partitions: int) -> None:
        """Acknowledge the batches of these partitions."""
        for number in partitions:
            count, offset = self.sent.pop(number), self._offsets[number]
            self._offsets[number] += count
            place = TopicPartition(TOPIC, number)
            self._answers.pop(number).set_result(RecordMetadata(TOPIC, number, place, offset, 0, 0, 0))

    def fail(self, error: KafkaError, *partitions: int) -> None:
        """Fail the batches of these partitions."""
        for number in partitions:
            del self.sent[number]
            self._answers.pop(number).set_exception(error)


class Told:
    """Outcomes by ticket: an offset, or the error's class."""

    def __init__(self) -> None:
        self.of: dict[str, int | type[BaseException]] = {}

    def acknowledged(self, tickets: Sequence[str], first: RecordMetadata) -> None:
        for offset, ticket in enumerate(tickets, start=first.offset):
            self._tell(ticket, offset)

    def failed(self, tickets: Sequence[str], error: BaseException) -> None:
        for ticket in tickets:
            self._tell(ticket, type(error))

    def _tell(self, ticket: str, outcome: int | type[BaseException]) -> None:
        assert ticket not in self.of, "told twice"
        self.of[ticket] = outcome
