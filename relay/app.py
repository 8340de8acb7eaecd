"""The composition root: settings in, a running relay out. Read it from top to bottom.

Nothing else builds the parts; nothing here judges, parses or counts.
"""

import asyncio
import contextlib
import gc
import random
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from relay import __version__, process
from relay.asyncapi import asyncapi_json
from relay.asyncapi_settings import stream_of
from relay.console.console import Console, Pod
from relay.console.watching import WatchingObserver
from relay.console.web import routes
from relay.console_settings import about, masked
from relay.duplicates.ids import scope_of
from relay.duplicates.memory import MemoryWindow
from relay.duplicates.port import DuplicateWindow, WindowObserver
from relay.duplicates.shared import SharedWindow
from relay.events import SCHEMA_VERSION, Destination, Status
from relay.http import answers
from relay.http.admin import Version, admin_app
from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, ListenError, listen
from relay.http.webhook import Sources, Webhook, WebhookBounds
from relay.kafka_settings import connection, destinations, topic_specs
from relay.observability.health import Health
from relay.observability.instruments import Instruments, Vocabulary
from relay.observability.loop_lag import watch_loop_lag
from relay.observability.observer import Observer
from relay.pipeline import DeliveryHandler, Pipeline
from relay.privacy_settings import privacy
from relay.publishing.admission import Admission
from relay.publishing.certificates import expiries
from relay.publishing.connection import KafkaConnection
from relay.publishing.kafka import KafkaPublisher
from relay.publishing.replacement import Cause
from relay.publishing.supervisor import Supervisor
from relay.publishing.topics import Finding
from relay.reasons import Reason
from relay.rotation import Rotation
from relay.second_look import SecondLook
from relay.settings import Settings
from relay.settings.environment import Loaded
from relay.settings.following import FollowedFiles
from relay.sofy.authenticity import Authenticator
from relay.sofy.numbers import PhoneNumbers
from relay.sofy.payload import FIELDS
from relay.sofy.reading import read
from relay.sofy.statuses import combinations
from relay.sofy_settings import authenticator as authenticator_of
from relay.traced import Traced, TracedWebhook, Untraced, traced

PRODUCER_STOP_S: Final = 5.0
"""How long a stop waits for acknowledgements after the last answer; with RELAY_HTTP__DRAIN_S under the grace period."""
WINDOW_CLOSE_S: Final = 0.5
"""How long a stop waits for Redis to take what is left; what it does not take costs a second record at most."""
TRACING_STOP_S: Final = 1.0
"""How long a stop waits for a collector to take the last spans."""
GC_AFTER: Final = 50_000
"""By how many objects those alive must have grown for cycles to be looked for. A webhook leaves none behind, but has
about a hundred while it is under way: with Python's 700 the collector looked at all of them every few webhooks."""
ADMIN_STOP_S: Final = 0.5
"""How long a scrape under way may take at a stop."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Relay:
    """One relay. Construct, `start`, and `stop` once, all within one running event loop."""

    def __init__(self, settings: Settings, followed: FollowedFiles | None = None) -> None:
        """Bind both ports and build the parts; nothing is served and Kafka is not asked yet.

        `followed` are the files whose secrets and certificates may change meanwhile; without, none may.

        Raises:
            ListenError: a port is in use, or a host is not this machine's.
            CannotTraceError: a variable of OpenTelemetry is of no use.
        """
        self._verified = asyncio.Event()
        topics = destinations(settings)
        authenticator = authenticator_of(settings)
        vocabulary = _vocabulary(authenticator, topics)
        registry = CollectorRegistry()
        self._instruments = Instruments(registry, vocabulary)
        observer = _observer(settings, self._instruments, vocabulary)

        window = _window(settings, observer)
        self._shared_window = window if isinstance(window, SharedWindow) else None
        admission = Admission(max_records=settings.http.max_in_flight)
        publisher = KafkaPublisher(topics=topics, admission=admission, observer=observer)
        self._health = Health(producer_alive=lambda: publisher.unavailable is not Reason.PRODUCER_FAILED)
        self._supervisor = Supervisor(
            connection=connection(settings),
            publisher=publisher,
            topics=[spec for spec in topic_specs(settings) if spec.name in topics.values()],
            observer=_KafkaReports(
                health=self._health,
                verified=self._verified,
                instruments=self._instruments,
                window=window,
                topics=topics,
                servers=settings.kafka.bootstrap_servers,
            ),
        )
        self._traced = traced(topics, settings.http.base_path) if settings.tracing.enabled else Untraced()
        self._pipeline = Pipeline(
            authenticator=authenticator,
            e164=PhoneNumbers().e164,
            privacy=privacy(settings),
            window=window,
            publisher=self._traced.publisher(publisher),
            observer=observer,
            read=self._traced.reading(read),
        )

        def oldest_unacknowledged_s() -> float:
            return admission.oldest_unacknowledged_seconds(asyncio.get_running_loop().time())

        self._instruments.watch(
            ready=lambda: self._health.readiness().ready,
            oldest_unacknowledged_seconds=oldest_unacknowledged_s,
            breaker_state=lambda: publisher.breaker_state,
            duplicate_window_entries=lambda: len(window),
        )

        rng = random.Random()  # noqa: S311 - jitter and names, no secrets
        self._rotation = None if followed is None else Rotation(followed, self)
        webhook = Webhook(
            self._traced.handler(self._judging(followed)),
            self._traced.observer(observer),
            WebhookBounds(
                base_path=settings.http.base_path,
                max_body_bytes=settings.http.max_body_bytes,
                answer_within_s=settings.http.answer_within_s,
            ),
            Sources(
                now=lambda: datetime.now(UTC),
                request_id=lambda: f"{rng.getrandbits(64):016x}",
                rng=rng,
                draining=lambda: self._pipeline.draining,
            ),
        )
        bounds = ConnectionBounds(
            answer_within_s=settings.http.answer_within_s, keep_alive_s=settings.http.keep_alive_s
        )
        self._console = None
        if isinstance(observer, WatchingObserver):
            self._console = Console(
                about=about(settings),
                pod=Pod(
                    readiness=self._health.readiness,
                    in_touch=lambda: self._supervisor.in_touch,
                    breaker_state=lambda: publisher.breaker_state,
                    oldest_unacknowledged_s=oldest_unacknowledged_s,
                    records_in_flight=lambda: admission.in_flight_records,
                ),
                registry=registry,
                observer=observer,
            )
        admin = admin_app(
            registry,
            self._health,
            Version(relay=__version__, schema=SCHEMA_VERSION),
            asyncapi_json(stream_of(settings)),
            () if self._console is None else routes(self._console),
        )
        self._show_expiries(connection(settings))
        self._drain_s = settings.http.drain_s
        self._webhook_server, self._admin_server = _servers(settings, self._traced.webhook(webhook), admin, bounds, rng)
        self._background: list[asyncio.Task[None]] = []

    @property
    def webhook_port(self) -> int:
        """The public port, as bound."""
        return self._webhook_server.port

    @property
    def admin_port(self) -> int:
        """The admin port, as bound."""
        return self._admin_server.port

    async def start(self) -> None:
        """Serve: returns once both ports listen. Kafka may come later; until then webhooks get 503."""
        await self._admin_server.start()
        await self._webhook_server.start()
        self._health.mark_started()
        self._supervisor.start()
        if self._shared_window is not None:
            self._shared_window.start()
        self._background.append(asyncio.create_task(watch_loop_lag(self._lagged)))
        if self._console is not None:
            self._background.append(asyncio.create_task(self._console.run()))
        if self._rotation is not None:
            self._background.append(asyncio.create_task(self._rotation.follow()))
        # What lives now lives to the end: not looking at it again took the 99th percentile from 20 to 9 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_AFTER)
        _log.info("listening", webhook_port=self.webhook_port, admin_port=self.admin_port, version=__version__)

    async def ready(self, timeout_s: float) -> bool:
        """Wait until Kafka was verified, at most `timeout_s`; say whether the relay wants webhooks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._verified.wait()
        return self._health.readiness().ready

    async def stop(self) -> None:
        """Shut down in order, each step bounded and logged. Nothing acknowledged is lost; never raises."""
        self._health.mark_draining()
        self._pipeline.drain()
        self._webhook_server.stop_accepting()
        await _step("requests in flight are answered", self._webhook_server.drain(self._drain_s))
        await _step("the producer is flushed and stopped", self._supervisor.stop(PRODUCER_STOP_S))
        if self._shared_window is not None:
            await _step("the duplicate window is told the last and closed", self._shared_window.close(WINDOW_CLOSE_S))
        if isinstance(self._traced, Traced):
            await _step("the last spans are exported", self._traced.stop(TRACING_STOP_S))
        self._admin_server.stop_accepting()
        if self._console is not None:
            self._console.close()
        await _step("the admin port is closed", self._admin_server.drain(ADMIN_STOP_S, idle_grace_s=0.0))
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        _log.info("stopped")

    def webhooks_renewed(self, settings: Settings) -> None:
        """Judge webhooks by the credentials of `settings` from now on; see `relay.rotation`."""
        authenticator = authenticator_of(settings)
        self._instruments.know_accounts(authenticator.accounts)
        self._pipeline.trust(authenticator)

    def kafka_renewed(self, connection: KafkaConnection) -> None:
        """Reach Kafka by `connection` from now on; see `relay.rotation`."""
        self._supervisor.renew(connection)
        self._show_expiries(connection)

    def secrets_stale(self, *, stale: bool) -> None:
        """Show whether a changed file is of no use; see `relay.rotation`."""
        self._instruments.secrets_stale.set(stale)

    def _judging(self, followed: FollowedFiles | None) -> DeliveryHandler:
        if self._rotation is None or followed is None or not followed.webhooks:
            return self._pipeline
        return SecondLook(self._pipeline, self._rotation)

    def _lagged(self, seconds: float) -> None:
        self._instruments.event_loop_lag.observe(seconds)
        if self._console is not None:
            self._console.lagged(seconds)

    def _show_expiries(self, connection: KafkaConnection) -> None:
        when = expiries(connection)
        self._instruments.certificate_expiries({path: moment.timestamp() for path, moment in when.items()})


class _KafkaReports:
    """Joins what the supervisor sees to readiness and log."""

    def __init__(  # noqa: PLR0913 - what is joined
        self,
        *,
        health: Health,
        verified: asyncio.Event,
        instruments: Instruments,
        window: DuplicateWindow,
        topics: Mapping[Destination, str],
        servers: Sequence[str],
    ) -> None:
        self._health = health
        self._verified = verified
        self._instruments = instruments
        self._window = window
        self._topics = topics
        self._servers = servers

    def topics_found(self, ids: Mapping[str, UUID | None]) -> None:
        # The ids alone say which cluster's they are; a broker that tells none leaves that to the addresses.
        cluster = self._servers if None in ids.values() else ()
        self._window.belong_to(scope_of(*cluster, *(f"{name}={id_}" for name, id_ in ids.items())))

    def kafka_verified(self, findings: Sequence[Finding], min_insync_replicas: Mapping[str, int]) -> None:
        for finding in findings:
            _log.warning("look at the topic", check=finding.check, detail=finding.says)
        for destination, topic in self._topics.items():
            if topic in min_insync_replicas:
                self._instruments.min_insync_replicas(destination.value, min_insync_replicas[topic])
        self._health.mark_verified()
        self._verified.set()

    def kafka_not_ready(self, reason: Reason, detail: str) -> None:
        self._health.mark_unverified(reason, detail)
        if self._verified.is_set():  # it stays ready, so nobody else would say what is wrong
            _log.warning("no producer can be had", reason=reason.value, detail=detail)

    def producer_replaced(self, cause: Cause) -> None:
        if cause in {Cause.TOPIC_MISSING, Cause.TOPIC_RECREATED}:
            # What it remembers stood on a topic that is gone: a replay must be published on the new one.
            self._window.clear()
        self._instruments.producer_restarts[(cause.value,)].inc()
        _log.warning("the Kafka producer is replaced", cause=cause.value)

    def producer_kept(self, cause: Cause, detail: str) -> None:
        _log.warning("the Kafka producer should be replaced, but no other can be had", cause=cause.value, detail=detail)


def run(loaded: Loaded, environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT; give the exit status. `loaded` came from `environ`; its warnings are logged.

    Raises:
        ListenError: a port is in use; nothing was started.
    """
    return process.run(loaded, environ, Relay, _log)


async def _step(name: str, work: Awaitable[None]) -> None:
    started = time.monotonic()
    await work
    _log.info("shutdown step done", step=name, seconds=round(time.monotonic() - started, 3))


def _window(settings: Settings, observer: WindowObserver) -> MemoryWindow | SharedWindow:
    own = settings.duplicates
    local = MemoryWindow(max_entries=own.max_entries, window_s=own.window_s, clock=time.monotonic)
    if own.store == "memory":
        return local
    # Here and not above: Redis' client is an extra, which only those have who share a window.
    from relay.duplicates.redis import RedisStore  # noqa: PLC0415

    return SharedWindow(
        local=local,
        store=RedisStore(own.store, scope=scope_of(*destinations(settings).values())),
        window_s=own.window_s,
        observer=observer,
        clock=time.monotonic,
    )


def _observer(settings: Settings, instruments: Instruments, vocabulary: Vocabulary) -> Observer:
    if not settings.admin.console:
        return Observer(instruments, vocabulary)
    return WatchingObserver(instruments, vocabulary, clock=time.time, masked=masked)


def _vocabulary(authenticator: Authenticator, topics: dict[Destination, str]) -> Vocabulary:
    return Vocabulary(
        accounts=authenticator.accounts,
        topics={destination.value: name for destination, name in topics.items()},
        statuses={status.value: (status.is_final, status.rank) for status in Status},
        status_categories=frozenset((status.value, category) for status, category in combinations()),
        causes=tuple(Cause),
        fields=FIELDS,
        version=__version__,
        schema=SCHEMA_VERSION,
    )


def _servers(
    settings: Settings, webhook: Webhook | TracedWebhook, admin: Starlette, bounds: ConnectionBounds, rng: random.Random
) -> tuple[HttpServer, HttpServer]:
    """Bind both ports, or neither; what is wrong with either is said at once."""
    sockets, problems = [], []
    for host, port, setting in (
        (settings.http.host, settings.http.port, "RELAY_HTTP"),
        (settings.admin.host, settings.admin.port, "RELAY_ADMIN"),
    ):
        try:
            sockets.append(listen(host, port, setting=setting))
        except ListenError as error:
            problems.append(str(error))
    if problems:
        for bound in sockets:
            bound.close()
        raise ListenError("\n".join(problems))
    public, private = sockets
    at_webhook = Refusals(webhook.refuse_unheard, webhook.refuse_by_head)
    at_admin = Refusals(lambda reason, _seconds: answers.raw(answers.refused(reason, rng)))
    return HttpServer(webhook, public, bounds, at_webhook), HttpServer(admin, private, bounds, at_admin)
