"""The publishing side as `app.py` joins it, with observers that a test reads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from relay.events.record import Destination, Record
from relay.publishing.admission import Admission
from relay.publishing.connection import KafkaConnection
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.port import Publisher
from relay.publishing.replacement import Cause
from relay.publishing.supervisor import Supervisor
from relay.publishing.topics import Finding, TopicSpec
from relay.reasons import Reason

PATIENCE_S = 30.0
"""For what must happen at all; asserted promises have limits of their own."""


class PublishLog:
    """Keeps what a publisher reports."""

    def __init__(self) -> None:
        self.published_to: list[Destination] = []
        self.failures: list[tuple[Destination, Reason]] = []

    def published(self, destination: Destination, seconds: Sequence[float]) -> None:
        assert min(seconds) >= 0
        self.published_to += [destination] * len(seconds)

    def publish_failed(self, destination: Destination, reason: Reason) -> None:
        self.failures.append((destination, reason))


class SupervisorLog:
    """Keeps what a supervisor reports, in order, and lets a test wait for a report."""

    def __init__(self) -> None:
        self.reports: list[Reason | Cause | str] = []
        self.details: list[str] = []
        self.findings: list[Finding] = []
        self.min_insync_replicas: dict[str, int] = {}
        self.topic_ids: list[dict[str, UUID | None]] = []
        self.kept: list[Cause] = []
        self._changed = asyncio.Condition()
        self._notifying: set[asyncio.Task[None]] = set()

    def topics_found(self, ids: Mapping[str, UUID | None]) -> None:
        self.topic_ids.append(dict(ids))

    def kafka_verified(self, findings: Sequence[Finding], min_insync_replicas: Mapping[str, int]) -> None:
        self.findings = list(findings)
        self.min_insync_replicas = dict(min_insync_replicas)
        self._report("verified")

    def kafka_not_ready(self, reason: Reason, detail: str) -> None:
        self.details.append(detail)
        self._report(reason)

    def producer_replaced(self, cause: Cause) -> None:
        self._report(cause)

    def producer_kept(self, cause: Cause, detail: str) -> None:
        self.kept.append(cause)
        self.details.append(detail)
        self._report(f"kept despite {cause}")

    async def until(self, told: Callable[[Sequence[Reason | Cause | str]], bool]) -> None:
        """Wait until what was reported so far satisfies `told`."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: told(self.reports))

    async def until_verified(self, times: int = 1) -> None:
        await self.until(lambda reports: reports.count("verified") >= times)

    def _report(self, report: Reason | Cause | str) -> None:
        self.reports.append(report)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A publisher with its supervisor."""

    connection: KafkaConnection
    publisher: KafkaPublisher
    supervisor: Supervisor
    admission: Admission
    published: PublishLog
    supervised: SupervisorLog
    topics: Mapping[Destination, str] = field(default_factory=dict)


@asynccontextmanager
async def publishing_to(
    kafka: str | KafkaConnection,
    topics: Mapping[Destination, str],
    *,
    max_records: int = 1000,
    stop_limit: float = 5.0,
) -> AsyncIterator[Stand]:
    """Start a supervisor with its publisher; stop both at the end. Waits for no broker."""
    connection = connection_to(kafka) if isinstance(kafka, str) else kafka
    admission = Admission(max_records=max_records)
    published, supervised = PublishLog(), SupervisorLog()
    publisher = KafkaPublisher(topics=topics, admission=admission, observer=published)
    supervisor = Supervisor(
        connection=connection,
        publisher=publisher,
        topics=[spec(name) for name in dict.fromkeys(topics.values())],
        observer=supervised,
    )
    supervisor.start()
    try:
        yield Stand(
            connection=connection,
            publisher=publisher,
            supervisor=supervisor,
            admission=admission,
            published=published,
            supervised=supervised,
            topics=topics,
        )
    finally:
        await supervisor.stop(stop_limit)


def connection_to(bootstrap_servers: str) -> KafkaConnection:
    return KafkaConnection(bootstrap_servers=tuple(bootstrap_servers.split(",")))


def everywhere(topic: str) -> dict[Destination, str]:
    """The topics of a publisher that has but one."""
    return dict.fromkeys(Destination, topic)


def spec(name: str) -> TopicSpec:
    return TopicSpec(
        name=name,
        partitions=1,
        replication_factor=1,
        min_insync_replicas=1,
        max_message_bytes=1024 * 1024,
        largest_record_bytes=1024 * 1024,
        retention_ms=7 * 24 * 3_600_000,
    )


RECORD = Record(
    destination=Destination.STATUS,
    id="a6b2f3c4-0000-5000-8000-000000000001",
    key=b"zzzzz",
    value=b'{"schema_version":1}',
    headers={"content-type": "application/json", "ce_type": "fr.sofy.sms.status.sent", "ce_subject": "zzzzz"},
    timestamp_ms=1_672_251_884_938,
)


def record(value: bytes, *, key: bytes | None = b"zzzzz") -> Record:
    return RECORD._replace(value=value, key=key)


def handed_over(publisher: Publisher, record: Record) -> asyncio.Future[Reason | None]:
    """Publish; give the future of what `settled` is told."""
    outcome: asyncio.Future[Reason | None] = asyncio.get_running_loop().create_future()
    publisher.publish([(record, outcome.set_result)])
    assert not outcome.done(), "told within the call"
    return outcome


def outcome(told: asyncio.Future[Reason | None]) -> Reason | str:
    """What became of a record: `acknowledged`, `waiting`, or the reason why not."""
    if not told.done():
        return "waiting"
    return told.result() or "acknowledged"
