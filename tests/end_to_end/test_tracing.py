"""`relay serve` with a collector of traces: from the request's header to the record's, and what a bad one may cost."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from relay import __version__
from relay.http.servers import listen
from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import TOKEN, RelayProcess
from tests.kafka.ports import free_ports
from tests.kafka.reader import read_topic
from tests.observability.collector import Collector
from tests.sofy.payloads import body, item, sample

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{CALLER}-01"
NUMBER, TEXT = "590690112233", "Planted one-time code 271828"


def tracing(cluster: Cluster, endpoint: str, **settings: str) -> RelayProcess:
    """Give a relay that exports each span within a tenth of a second."""
    return RelayProcess(
        cluster.bootstrap_servers,
        cluster.topics,
        RELAY_TRACING__ENABLED="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        **{"OTEL_BSP_SCHEDULE_DELAY": "100", **settings},
    )


@asynccontextmanager
async def traced(cluster: Cluster, **settings: str) -> AsyncIterator[tuple[RelayProcess, Collector]]:
    async with Collector() as collector, tracing(cluster, collector.endpoint, **settings) as relay:
        await relay.ready()
        yield relay, collector


async def traceparents(cluster: Cluster, name: str = "STATUS") -> list[str | None]:
    return [
        dict(record.headers).get("traceparent", b"").decode() or None
        for record in await read_topic(cluster.bootstrap_servers, cluster.topics[name])
    ]


async def test_a_webhook_is_one_trace_from_its_header_to_its_record(cluster: Cluster) -> None:
    async with traced(cluster) as (relay, collector):
        answer = await relay.post(sample("sent"), traceparent=GIVEN)
        await collector.has(3, relay.until)

        (receive,), (normalise,), (publish,) = (collector.named(each) for each in ("receive", "normalise", "publish"))
        assert answer.status_code == 200
        assert {span.trace_id for span in collector.spans} == {TRACE}
        assert receive.parent_id == CALLER
        assert normalise.parent_id == publish.parent_id == receive.span_id
        assert (receive.kind, publish.kind) == ("SERVER", "PRODUCER")
        assert publish.attributes["messaging.destination.name"] == cluster.topics["STATUS"]
        assert await traceparents(cluster) == [f"{publish.traceparent}-01"]
        assert receive.resource["service.name"] == "sofy-relay"
        assert receive.resource["service.version"] == __version__


@pytest.mark.parametrize("cluster", ["embedded"], indirect=True)
async def test_opentelemetrys_variables_name_the_service_the_sampler_and_the_headers(cluster: Cluster) -> None:
    settings = {
        "OTEL_SERVICE_NAME": "sms",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=relay-0,service.version=9",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20cGxhbnRlZA==",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    }
    async with traced(cluster, **settings) as (relay, collector):
        await relay.post(body(item(id="left-out")))
        await relay.post(body(item(id="wanted")), traceparent=GIVEN)
        await collector.has(3, relay.until)

        assert {span.trace_id for span in collector.spans} == {TRACE}
        resource = collector.spans[0].resource
        assert resource["service.name"] == "sms"
        assert resource["service.version"] == "9"
        assert resource["k8s.pod.name"] == "relay-0"
        assert collector.headers[0]["authorization"] == "Basic cGxhbnRlZA=="
        flags = sorted((header or "").rsplit("-", 1)[1][-1] for header in await traceparents(cluster))
        assert [int(flag, 16) & 1 for flag in flags] in ([0, 1], [1, 0])
        assert "cGxhbnRlZA" not in relay.log()


@pytest.mark.parametrize("cluster", ["embedded"], indirect=True)
async def test_duplicates_and_refusals_show_as_such_and_nothing_personal_leaves(cluster: Cluster) -> None:
    personal = item(to=NUMBER, body=TEXT, id="sms-planted")
    async with traced(cluster) as (relay, collector):
        for _ in range(2):
            await relay.post(body(personal))
        await relay.post(b"{" + TEXT.encode())
        await relay.post(body(personal), f"/webhooks/sofy/{NUMBER}")
        await relay.post(body(personal), f"/{NUMBER}")
        await collector.has(3 + 2 + 3 + 1 + 1, relay.until)

        receives = [span.attributes for span in collector.named("receive")]
        assert [it.get("sofy_relay.duplicates") for it in receives] == [0, 1, 0, None, None]
        assert [it.get("sofy_relay.dead_lettered") for it in receives] == [0, 0, 1, None, None]
        assert [it.get("sofy_relay.reason") for it in receives] == [None, None, None, "unknown_token", "unknown_path"]
        assert len(collector.named("publish")) == 2
        told = b"".join(collector.bodies)
        for planted in (NUMBER, "690112233", "271828", "sms-planted", TOKEN):
            assert planted.encode() not in told
        assert TOKEN not in relay.log()


async def test_without_kafka_each_webhook_is_an_error_with_its_reason(without_kafka: Cluster) -> None:
    async with (
        Collector() as collector,
        tracing(without_kafka, collector.endpoint) as relay,
    ):
        answer = await relay.post(sample("sent"), traceparent=GIVEN)
        await collector.has(1, relay.until)

        (span,) = collector.spans
        assert answer.status_code == span.attributes["http.response.status_code"] == 503
        assert span.is_error
        assert span.attributes["error.type"] == answer.json()["error"]
        (line,) = (json.loads(line) for line in relay.log().splitlines() if "webhook deferred" in line)
        assert line["trace_id"] == span.trace_id == TRACE


@pytest.mark.parametrize("cluster", ["embedded"], indirect=True)
async def test_the_last_spans_are_exported_at_a_stop(cluster: Cluster) -> None:
    async with traced(cluster, OTEL_BSP_SCHEDULE_DELAY="600000") as (relay, collector):
        await relay.post(sample("sent"))
        before = len(collector.spans)
        relay.signal(signal.SIGTERM)

        assert await relay.exit_status(20) == 0
        assert before == 0
        assert {span.name for span in collector.spans} == {"receive", "normalise", "publish"}


@contextmanager
def deaf() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    listener = listen("127.0.0.1", 0, setting="COLLECTOR")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


async def test_a_collector_that_never_answers_holds_up_neither_answers_nor_the_stop(cluster: Cluster) -> None:
    with deaf() as endpoint:
        async with tracing(
            cluster, endpoint, OTEL_BSP_MAX_QUEUE_SIZE="64", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="32"
        ) as relay:
            await relay.ready()

            # Far more spans than the queue holds: what is full must lose spans and nothing else.
            answers = [await relay.post(body(item(id=f"sms-{number}"))) for number in range(200)]
            relay.signal(signal.SIGTERM)

            assert {answer.status_code for answer in answers} == {200}
            assert await relay.exit_status(20) == 0
            assert len(await traceparents(cluster)) == 200
            assert "the last spans did not reach the collector in time" in relay.log()


@pytest.mark.parametrize("cluster", ["embedded"], indirect=True)
async def test_a_collector_that_is_away_is_told_once_and_its_return_too(cluster: Cluster) -> None:
    async with traced(cluster, OTEL_EXPORTER_OTLP_TIMEOUT="1") as (relay, collector):
        collector.status = 500
        for number in range(5):
            await relay.post(body(item(id=f"sms-{number}")))
            count = len(collector.headers)

            async def refused(count: int = count) -> bool:
                return len(collector.headers) > count

            await relay.until(refused)
        collector.status = 200
        await relay.post(sample("sent"))
        await relay.logged("the collector takes spans again")

        lines = [json.loads(line) for line in relay.log().splitlines() if "collector" in line]
        assert [line["event"] for line in lines] == [
            "the collector does not take spans: traces have gaps",
            "the collector takes spans again",
        ]
        assert "500" in lines[0]["why"]
        assert lines[1]["lost"] >= 5
        assert "opentelemetry" not in relay.log()


async def test_a_collector_that_is_not_there_is_told_with_the_cause_and_without_its_password(
    without_kafka: Cluster,
) -> None:
    (nobody,) = free_ports(1)
    endpoint = f"http://relay:pl4nted@127.0.0.1:{nobody}"
    async with tracing(without_kafka, endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="2") as relay:
        await relay.post(sample("sent"))
        await relay.logged("the collector does not take spans")

        (line,) = (json.loads(line) for line in relay.log().splitlines() if "collector" in line)
        assert "ConnectionError" in line["why"]
        assert "pl4nted" not in relay.log()


async def test_off_the_header_goes_on_as_it_came_and_opentelemetry_is_not_imported(cluster: Cluster) -> None:
    async with RelayProcess(cluster.bootstrap_servers, cluster.topics, PYTHONPROFILEIMPORTTIME="1") as relay:
        await relay.ready()

        await relay.post(sample("sent"), traceparent=GIVEN)
        await relay.post(sample("delivered"))

        assert sorted(await traceparents(cluster), key=str) == [GIVEN, None]
        imported = {line.rpartition("|")[2].strip() for line in relay.log().splitlines() if "|" in line}
        assert {"relay.pipeline", "relay.traced"} <= imported
        assert "relay.observability.tracing" not in imported
        # FastStream looks at the version that is there, which is all.
        assert {name for name in imported if name.startswith("opentelemetry.")} <= {"opentelemetry.semconv"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "planted"),
        ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "planted"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "planted"),
    ],
)
def test_a_variable_that_opentelemetry_cannot_work_with_ends_serve_with_one_sentence(name: str, value: str) -> None:
    environ = {
        "RELAY_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "RELAY_SOFY__TOKENS": '["a-long-random-token"]',
        "RELAY_TRACING__ENABLED": "true",
        name: value,
    }

    ended = subprocess.run(
        [sys.executable, "-m", "relay", "serve"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "OTEL_" in ended.stderr
    assert "planted" not in ended.stderr
