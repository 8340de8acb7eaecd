"""The composition root of `relay project`: settings in, a running projector out. Read from top to bottom."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from relay import __version__, process
from relay.app import ADMIN_STOP_S, PRODUCER_STOP_S
from relay.asyncapi import asyncapi_json
from relay.asyncapi_settings import stream_of
from relay.events.latest import Transition
from relay.events.record import Destination
from relay.events.sms_status import SCHEMA_VERSION, Status
from relay.http import answers
from relay.http.admin import Version, admin_app
from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, listen
from relay.kafka_settings import connection, topic_specs
from relay.observability.health import Health
from relay.observability.loop_lag import watch_loop_lag
from relay.observability.projector import ProjectorInstruments, ProjectorVocabulary
from relay.publishing.admission import Admission
from relay.publishing.certificates import expiries
from relay.publishing.cluster import ClusterUnreachableError, read_cluster
from relay.publishing.connection import KafkaConnection, UnusableConnectionError
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.replacement import Cause
from relay.publishing.supervisor import Supervisor
from relay.publishing.topics import Finding
from relay.reasons import Reason
from relay.rotation import Rotation
from relay.settings import Settings
from relay.settings.environment import Loaded
from relay.settings.following import FollowedFiles
from relay.streams.projection import Projection
from relay.streams.projector import Projector, ProjectorSettings
from relay.streams.states import States
from relay.streams.writing import AT_ONCE

_LOOK_AGAIN_S: Final = 2.0
"""How long to wait before Kafka is asked again, where a topic or a broker is missing."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class ProjectorRelay:
    """One member of the group with its admin port. Construct, `start`, and `stop` once, in one running event loop."""

    def __init__(self, settings: Settings, followed: FollowedFiles | None = None) -> None:
        """Bind the admin port and build the parts; Kafka is not asked yet.

        Raises:
            ListenError: the port is in use, or the host is not this machine's.
        """
        self._settings = settings
        self._connection = connection(settings)
        vocabulary = _vocabulary(settings)
        registry = CollectorRegistry()
        self._instruments = ProjectorInstruments(registry, vocabulary, ready=lambda: self._health.readiness().ready)
        self._publisher = KafkaPublisher(
            topics={Destination.LATEST: settings.topics.latest},
            admission=Admission(max_records=2 * AT_ONCE),
            observer=self._instruments,
        )
        self._health = Health(producer_alive=lambda: self._publisher.unavailable is not Reason.PRODUCER_FAILED)
        self._supervisor = Supervisor(
            connection=self._connection,
            publisher=self._publisher,
            topics=[spec for spec in topic_specs(settings) if spec.name == settings.topics.latest],
            observer=_KafkaReports(self._health, self._instruments),
        )
        self._states = States()
        self._projection = Projection(self._states, self._instruments)
        admin = admin_app(
            registry,
            self._health,
            Version(relay=__version__, schema=SCHEMA_VERSION),
            asyncapi_json(stream_of(settings)),
        )
        self._admin_server = _server(settings, admin)
        self._rotation = None if followed is None else Rotation(followed, self)
        self._renewed = asyncio.Event()
        self._show_expiries()
        self._background: list[asyncio.Task[None]] = []

    @property
    def admin_port(self) -> int:
        """The admin port, as bound."""
        return self._admin_server.port

    async def start(self) -> None:
        """Serve the admin port and begin; Kafka may come later."""
        await self._admin_server.start()
        self._health.mark_started()
        self._supervisor.start()
        self._background = [
            asyncio.create_task(self._live(), name="projector"),
            asyncio.create_task(watch_loop_lag(self._instruments.event_loop_lag.observe)),
        ]
        if self._rotation is not None:
            self._background.append(asyncio.create_task(self._rotation.follow()))
        _log.info("projecting", admin_port=self.admin_port, version=__version__)

    async def stop(self) -> None:
        """Take in nothing more, leave the group, end; each step bounded. Never raises."""
        self._health.mark_draining()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._supervisor.stop(PRODUCER_STOP_S)
        self._admin_server.stop_accepting()
        await self._admin_server.drain(ADMIN_STOP_S, idle_grace_s=0.0)
        self._states.close()
        _log.info("stopped")

    def webhooks_renewed(self, settings: Settings) -> None:
        """Webhooks are not this process's."""

    def kafka_renewed(self, connection: KafkaConnection) -> None:
        """Reach Kafka by `connection` from now on; see `relay.rotation`. The group is left and joined again."""
        self._connection = connection
        self._supervisor.renew(connection)
        self._renewed.set()
        self._show_expiries()

    def secrets_stale(self, *, stale: bool) -> None:
        """Show whether a changed file is of no use; see `relay.rotation`."""
        self._instruments.secrets_stale.set(stale)

    async def _live(self) -> None:
        """Be a member of the group for as long as the connection is the same, again and again."""
        while True:
            self._renewed.clear()
            try:
                await self._topics_fit()
                projector = self._projector()
                await projector.start()
            except (ClusterUnreachableError, UnusableConnectionError, KafkaError, _Obstacle) as error:
                reason = error.reason if isinstance(error, _Obstacle) else Reason.KAFKA_UNREACHABLE
                self._health.mark_unverified(reason, str(error))
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            try:
                self._health.mark_verified()
                await self._renewed.wait()
            finally:
                await projector.stop()

    async def _topics_fit(self) -> None:
        """See that both topics are there, with as many partitions: one of statuses leads to one of states."""
        topics = self._settings.topics
        listed = (await read_cluster(self._connection)).topics
        for name in (topics.status, topics.latest):
            if name not in listed:
                message = f"Topic {name} is missing, or our user may not see it: create it with `relay topics apply`."
                raise _Obstacle(Reason.TOPIC_MISSING, message)
        statuses, states = listed[topics.status].partitions, listed[topics.latest].partitions
        if statuses != states:
            message = (
                f"{topics.latest} has {states} partitions and {topics.status} has {statuses}: make the first anew with "
                f"{statuses}, it is rebuilt from the second as far as that reaches back."
            )
            raise _Obstacle(Reason.TOPIC_MISSING, message)

    def _projector(self) -> Projector:
        own, topics = self._settings.projector, self._settings.topics
        return Projector(
            connection=self._connection,
            settings=ProjectorSettings(
                status_topic=topics.status,
                latest_topic=topics.latest,
                group_id=own.group_id,
                stuck_after=timedelta(hours=own.stuck_after_h),
                retention=timedelta(hours=topics.latest_retention_h),
            ),
            publisher=self._publisher,
            projection=self._projection,
            states=self._states,
            observer=self._instruments,
        )

    def _show_expiries(self) -> None:
        when = expiries(self._connection)
        self._instruments.certificate_expiries({path: moment.timestamp() for path, moment in when.items()})


class _Obstacle(Exception):  # noqa: N818 - no error: a topic is simply not there yet
    """Why nothing can be projected now."""

    def __init__(self, reason: Reason, says: str) -> None:
        super().__init__(says)
        self.reason = reason


class _KafkaReports:
    """Joins what the supervisor of the producer sees to readiness, metrics and log."""

    def __init__(self, health: Health, instruments: ProjectorInstruments) -> None:
        self._health = health
        self._instruments = instruments

    def topics_found(self, ids: Mapping[str, UUID | None]) -> None:
        """Nothing depends on it here: what stands on the topics is read, not remembered."""

    def kafka_verified(self, findings: Sequence[Finding], min_insync_replicas: Mapping[str, int]) -> None:
        del min_insync_replicas
        for finding in findings:
            _log.warning("look at the topic", check=finding.check, detail=finding.says)

    def kafka_not_ready(self, reason: Reason, detail: str) -> None:
        self._health.mark_unverified(reason, detail)

    def producer_replaced(self, cause: Cause) -> None:
        self._instruments.producer_restarts[(cause.value,)].inc()
        _log.warning("the Kafka producer is replaced", cause=cause.value)

    def producer_kept(self, cause: Cause, detail: str) -> None:
        _log.warning("the Kafka producer should be replaced, but no other can be had", cause=cause.value, detail=detail)


def run(loaded: Loaded, environ: Mapping[str, str]) -> int:
    """Project until SIGTERM or SIGINT; give the exit status. `loaded` came from `environ`; its warnings are logged.

    Raises:
        ListenError: the admin port is in use; nothing was started.
    """
    return process.run(loaded, environ, ProjectorRelay, _log)


def _vocabulary(settings: Settings) -> ProjectorVocabulary:
    return ProjectorVocabulary(
        latest_topic=settings.topics.latest,
        transitions=tuple(Transition),
        statuses={status.value: (status.is_final, status.rank) for status in Status},
        causes=tuple(Cause),
        version=__version__,
        schema=SCHEMA_VERSION,
    )


def _server(settings: Settings, admin: Starlette) -> HttpServer:
    bounds = ConnectionBounds(answer_within_s=settings.http.answer_within_s, keep_alive_s=settings.http.keep_alive_s)
    rng = random.Random()  # noqa: S311 - jitter, not a secret
    socket = listen(settings.admin.host, settings.admin.port, setting="RELAY_ADMIN")
    refusals = Refusals(lambda reason, _seconds: answers.raw(answers.refused(reason, rng)))
    return HttpServer(admin, socket, bounds, refusals)
