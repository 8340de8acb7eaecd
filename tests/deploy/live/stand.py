"""A relay as it is deployed and watched: two pods, a projector, Kafka with mutual TLS, Sofy, and a Prometheus."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined]  # as in tests/kafka/guarded.py

from relay.publishing.connection import KafkaConnection
from relay.settings import ProjectorSettings, TopicSettings
from tests.deploy.live.kube_state import kube_state_metrics
from tests.deploy.live.prometheus import PrometheusServer, Target
from tests.deploy.live.simulator import Simulator
from tests.deploy.tools import DEPLOY
from tests.end_to_end.relay_process import SECRET, TOKEN, RelayProcess
from tests.kafka.guarded import GuardedKafka
from tests.sofy.payloads import body, item
from tests.streams.project_process import ProjectProcess

NAMESPACE: Final = "sofy-relay"
JOB: Final = "sofy-relay"
SMS_PER_S: Final = 10
"""Of each of the two Sofys; about two webhooks each."""
SCRAPES: Final = 15
"""So many seconds of traffic fill every range that the panels ask for here."""
_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.25
_PARTITIONS: Final = 3
Process = TypeVar("Process", bound=RelayProcess)


@dataclass(frozen=True)
class Stand:
    """All of it, running. The pods hold the same secrets, from files in `mounted`."""

    kafka: GuardedKafka
    pods: tuple[RelayProcess, ...]
    prometheus: PrometheusServer
    mounted: Path

    async def until(self, what: str, holds: Callable[[], bool], within_s: float = _WITHIN_S) -> None:
        """Wait until it holds; it may block for milliseconds."""
        end = asyncio.get_running_loop().time() + within_s
        while not await asyncio.to_thread(holds):
            assert asyncio.get_running_loop().time() < end, f"not within {within_s} s: {what}"
            await asyncio.sleep(_POLL_S)

    async def scraped(self, times: int = SCRAPES) -> None:
        """Wait until Prometheus has looked so often more."""
        counted = f'min(count_over_time(up{{job="{JOB}"}}[1h]))'
        before = self.prometheus.query(counted)
        wanted = (before.greatest if before else 0) + times
        await self.until(f"{times} scrapes", lambda: self.prometheus.query(counted).greatest >= wanted)

    def write_tokens(self) -> None:
        """Mount the tokens as they were at first."""
        _write_tokens(self.mounted)

    async def post_oddities(self) -> None:
        """Let each pod see one of everything that Sofy, or a stranger, may send and should not."""
        for pod in self.pods:
            await _odd(pod)


def _write_tokens(mounted: Path) -> None:
    (mounted / "tokens").write_text(json.dumps([TOKEN]))


async def _odd(pod: RelayProcess) -> None:
    huge = body(item(body="x" * 1_100_000))
    posts: list[Awaitable[object]] = [
        pod.post(body(item(id="odd-word", status="vanished"))),
        pod.post(body(item(id="odd-field", price="a lot", updatedAt="yesterday"))),
        pod.post(b"{"),
        pod.post(body(type="sms.reply")),
        pod.post(body(item(id="twice")) * 1),
        pod.post(body(item(id="ordered", status="delivered"))),
        pod.post(body(item(id="ordered", status="sent", updatedAt="2022-12-29T18:24:40.000Z"))),
        pod.post(body(item(id="in-one"), item(id="in-one"))),
        pod.post(body(), "/webhooks/sofy/a-token-of-nobody"),
        pod.client.get(f"/webhooks/sofy/{TOKEN}"),
        pod.post(huge),
    ]
    for post in posts:
        await post
    await pod.post(body(item(id="twice")))
    for _ in range(60):
        await pod.post_signed(body(), "sec-of-nobody")


@asynccontextmanager
async def running(kafka: GuardedKafka, prometheus: Path, mounted: Path) -> AsyncIterator[Stand]:
    """Start all of it, and end it with the block. `prometheus` is the program."""
    names = TopicSettings()
    for topic in (names.status, names.other, names.dead_letter, names.latest):
        await asyncio.to_thread(kafka.create_topic, topic, partitions=_PARTITIONS)
        for operation in (AclOperation.WRITE, AclOperation.READ, AclOperation.DESCRIBE_CONFIGS):
            await asyncio.to_thread(kafka.grant, topic, operation)
    await asyncio.to_thread(kafka.grant_group, ProjectorSettings().group_id)
    _write_tokens(mounted)
    async with AsyncExitStack() as stack:
        pods = tuple([await stack.enter_async_context(_pod(kafka.by_certificate, mounted)) for _ in range(2)])
        projector = await stack.enter_async_context(_secured(ProjectProcess, kafka.by_certificate))
        for pod in (*pods, projector):
            await pod.ready()
        name_of = {pod: f"sofy-relay-{number}" for number, pod in enumerate(pods)}
        kube_state = stack.enter_context(kube_state_metrics(NAMESPACE, "sofy-relay", list(name_of.values())))
        server = stack.enter_context(
            PrometheusServer(
                prometheus,
                [
                    *(Target(pod.admin_port, _labels(JOB, name)) for pod, name in name_of.items()),
                    Target(projector.admin_port, _labels(f"{JOB}-projector", f"{JOB}-projector-0")),
                    Target(kube_state, {"job": "kube-state-metrics"}),
                ],
                sorted((DEPLOY / "prometheus" / "rules").glob("*.yaml")),
            )
        )
        by_token, by_signature = pods
        for sofy in (
            Simulator("--rate", str(SMS_PER_S), "--seed", "1", "--target", _url(by_token, f"/webhooks/sofy/{TOKEN}")),
            Simulator(
                *("--rate", str(SMS_PER_S), "--seed", "2", "--secret", SECRET),
                *("--target", _url(by_signature, "/webhooks/sofy/accounts/signed")),
            ),
        ):
            await asyncio.to_thread(stack.enter_context, sofy)
        yield Stand(kafka, pods, server, mounted)


def _pod(connection: KafkaConnection, mounted: Path) -> RelayProcess:
    pod = _secured(RelayProcess, connection, RELAY_SOFY__TOKENS_FILE=str(mounted / "tokens"))
    del pod.environment["RELAY_SOFY__TOKENS"]
    return pod


def _secured(kind: type[Process], connection: KafkaConnection, **settings: str) -> Process:
    return kind(
        ",".join(connection.bootstrap_servers),
        {},
        RELAY_KAFKA__SECURITY_PROTOCOL="SSL",
        RELAY_KAFKA__SSL_CAFILE=str(connection.ssl_cafile),
        RELAY_KAFKA__SSL_CERTFILE=str(connection.ssl_certfile),
        RELAY_KAFKA__SSL_KEYFILE=str(connection.ssl_keyfile),
        RELAY_TOPICS__PARTITIONS=str(_PARTITIONS),
        RELAY_TOPICS__REPLICATION_FACTOR="1",
        RELAY_TOPICS__MIN_INSYNC_REPLICAS="1",
        RELAY_LOG__LEVEL="warning",
        **settings,
    )


def _labels(job: str, pod: str) -> dict[str, str]:
    """What the PodMonitor gives a pod's series."""
    return {"job": job, "namespace": NAMESPACE, "pod": pod, "container": "relay"}


def _url(pod: RelayProcess, path: str) -> str:
    return f"http://127.0.0.1:{pod.webhook_port}{path}"
