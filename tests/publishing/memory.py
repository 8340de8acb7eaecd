"""A publisher that keeps its records in memory, held to the same contract as the Kafka one."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from aiokafka.partitioner import murmur2

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.port import NotPublishedError, PublishObserver, Settled
from relay.reasons import Reason
from tests.kafka.reader import StoredRecord

_POSITIVE = 0x7FFFFFFF


class MemoryPublisher:
    """Acknowledges in the loop's next turn; `topics` holds each destination's number of partitions."""

    def __init__(
        self,
        topics: Mapping[Destination, int],
        *,
        admission: Admission,
        observer: PublishObserver,
        largest_record: int,
    ) -> None:
        self._partitions: dict[Destination, list[list[StoredRecord]]] = {
            name: [[] for _ in range(count)] for name, count in topics.items()
        }
        self._admission = admission
        self._observer = observer
        self._largest_record = largest_record

    @property
    def unavailable(self) -> Reason | None:
        return Reason.OVERLOADED if self._admission.full else None

    def full_behind(self, webhooks: int) -> bool:
        return self._admission.full_behind(webhooks)

    def publish(self, records: Sequence[tuple[Record, Settled]]) -> None:
        for destination in {record.destination for record, _ in records}:
            if destination not in self._partitions:
                self._observer.publish_failed(destination, Reason.TOPIC_MISSING)
                raise NotPublishedError(Reason.TOPIC_MISSING)
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._admission.handed_over(len(records))
        for record, settled in records:
            if len(record.value) > self._largest_record:
                self._observer.publish_failed(record.destination, Reason.RECORD_TOO_LARGE)
                loop.call_soon(settled, Reason.RECORD_TOO_LARGE)
                continue
            self._admission.enter(len(record.value), now)
            self._store(record)
            loop.call_soon(self._acknowledge, record, settled, now)

    def stored(self, destination: Destination) -> list[StoredRecord]:
        return [record for partition in self._partitions[destination] for record in partition]

    def _store(self, record: Record) -> None:
        partitions = self._partitions[record.destination]
        if record.key is None:
            number = random.randrange(len(partitions))  # noqa: S311 - which partition is nobody's secret
        else:
            number = (murmur2(record.key) & _POSITIVE) % len(partitions)
        headers = {"content-type": "", "correlation_id": record.id, **record.headers}
        partitions[number].append(
            StoredRecord(
                partition=number,
                offset=len(partitions[number]),
                key=record.key,
                value=record.value,
                headers=[(name, value.encode()) for name, value in headers.items()],
                timestamp_ms=record.timestamp_ms,
            )
        )

    def _acknowledge(self, record: Record, settled: Settled, since: float) -> None:
        self._admission.leave(len(record.value), since)
        self._observer.published(record.destination, [asyncio.get_running_loop().time() - since])
        settled(None)
