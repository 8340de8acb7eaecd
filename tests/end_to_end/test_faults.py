"""With Kafka away, paused or incomplete: truthful answers in time, nothing promised, recovery by itself."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.broker import RealBroker
from tests.kafka.ports import free_ports
from tests.kafka.reader import read_topic
from tests.kafka.topics import Topics
from tests.sofy.payloads import body, item

pytestmark = pytest.mark.kafka
ANSWER_WITHIN_S = 3.5
RECOVERED_WITHIN_S = 10.0


async def post_until_200(relay: RelayProcess, payload: bytes, within_s: float) -> httpx.Response:
    end = time.monotonic() + within_s
    while (answer := await relay.post(payload)).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < end, f"still 503 after {within_s} s:\n{relay.log()}"
        await asyncio.sleep(0.1)
    return answer


async def test_with_the_broker_paused_every_answer_is_503_in_time_and_it_recovers_in_the_same_process(
    private_kafka: RealBroker, fragile: Cluster
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()
        assert (await relay.post(body(item(id="before")))).status_code == 200

        private_kafka.pause()
        try:
            during = [await timed(relay, body(item(id=f"during-{number}"))) for number in range(3)]
        finally:
            private_kafka.resume()
        after = await post_until_200(relay, body(item(id="after")), RECOVERED_WITHIN_S)

        for answer, seconds in during:
            assert answer.status_code == 503
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert seconds <= ANSWER_WITHIN_S
        assert after.json()["accepted"] == 1
        assert (await relay.admin.get("/livez")).status_code == 200
        # Sofy replays what was answered 503: afterwards each fact is there, with one id.
        for number in range(3):
            assert (await relay.post(body(item(id=f"during-{number}")))).status_code == 200
        stored = await read_topic(fragile.bootstrap_servers, fragile.topics["STATUS"])
        assert {record.key for record in stored} == {b"before", b"during-0", b"during-1", b"during-2", b"after"}


async def timed(relay: RelayProcess, payload: bytes) -> tuple[httpx.Response, float]:
    start = time.monotonic()
    answer = await relay.post(payload)
    return answer, time.monotonic() - start


async def test_while_kafka_acknowledges_nothing_the_breaker_refuses_at_once_and_closes_by_itself(
    private_kafka: RealBroker, fragile: Cluster
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()

        private_kafka.pause()
        try:
            waited, _ = await timed(relay, body(item(id="waited")))
            refused = [await timed(relay, body(item(id=f"refused-{number}"))) for number in range(5)]
            metrics = await relay.metrics()
        finally:
            private_kafka.resume()
        await post_until_200(relay, body(item(id="after")), RECOVERED_WITHIN_S)

        assert waited.status_code == 503
        assert [answer.json() for answer, _ in refused].count({"error": "breaker_open"}) >= 4  # one may be the trial
        quickest = min(seconds for answer, seconds in refused if answer.json() == {"error": "breaker_open"})
        assert quickest < 0.5
        assert "sofy_relay_breaker_state 0.0" not in metrics
        assert "sofy_relay_breaker_state 0.0" in await relay.metrics()
        assert relay.log().count("Kafka does not acknowledge") == 1


@pytest.mark.parametrize("moment", ["idle", "while requests wait for Kafka"])
async def test_with_the_broker_paused_sigterm_still_ends_it_in_time_with_truthful_answers(
    private_kafka: RealBroker, fragile: Cluster, moment: str
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()

        private_kafka.pause()
        try:
            waiting = []
            if moment != "idle":
                waiting = [asyncio.create_task(relay.post(body(item(id=f"w-{number}")))) for number in range(5)]
                await until_in_flight(relay, 5)
            relay.signal(signal.SIGTERM)
            answers = await asyncio.gather(*waiting)
            status = await relay.exit_status(20)
        finally:
            private_kafka.resume()

        assert status == 0
        assert {answer.status_code for answer in answers} <= {503}
        assert "Traceback" not in relay.log()


async def until_in_flight(relay: RelayProcess, count: int) -> None:
    async with asyncio.timeout(2):
        while f"sofy_relay_webhooks_in_flight {count}.0" not in await relay.metrics():
            await asyncio.sleep(0.01)


async def test_with_kafka_away_at_start_it_listens_answers_503_says_why_and_becomes_ready_by_itself(
    private_kafka: RealBroker, fragile: Cluster
) -> None:
    private_kafka.kill()
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        answer, seconds = await timed(relay, body())
        readiness = await relay.admin.get("/readyz")
        for _ in range(5):
            await relay.post(body())
        private_kafka.restart()
        await relay.ready()

        assert answer.status_code == 503
        assert answer.json() == {"error": "kafka_unreachable"}
        assert answer.headers["Retry-After"]
        assert seconds < 1
        assert readiness.status_code == 503
        assert readiness.json()["reason"] == "kafka_unreachable"
        assert "RELAY_KAFKA__BOOTSTRAP_SERVERS" in readiness.json()["detail"]
        assert relay.log().count('"not ready"') == 1
        assert (await relay.post(body())).json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}


@pytest.mark.parametrize("missing", ["STATUS", "OTHER", "DEAD_LETTER"])
async def test_a_missing_topic_is_named_not_created_and_waited_for(
    private_kafka: RealBroker, private_topics: Topics, without_topics: Cluster, missing: str
) -> None:
    names = without_topics.topics
    for name, topic in names.items():
        if name != missing:
            private_topics.create(topic)
    async with RelayProcess(private_kafka.bootstrap_servers, names) as relay:
        await until_readiness_says(relay, "topic_missing")
        answer = await relay.post(body())
        readiness = (await relay.admin.get("/readyz")).json()
        still_missing = names[missing] not in private_topics.names()
        private_topics.create(names[missing])
        await relay.ready()

        assert answer.status_code == 503
        assert answer.json() == {"error": "topic_missing"}
        assert names[missing] in readiness["detail"]
        assert "relay topics apply" in readiness["detail"]
        assert still_missing
        assert (await relay.post(body())).status_code == 200


async def test_after_a_topic_was_deleted_and_made_again_a_replay_is_published_on_the_new_one(
    private_topics: Topics, fragile: Cluster
) -> None:
    status = fragile.topics["STATUS"]
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()
        assert (await relay.post(body())).json()["accepted"] == 1

        await asyncio.to_thread(private_topics.delete, status)
        async with asyncio.timeout(90):  # an idle producer looks at the topics once a minute
            while (answer := await relay.post(body(item(id="meanwhile")))).status_code == 200:
                await asyncio.sleep(0.2)
        still_missing = status not in private_topics.names()
        await asyncio.to_thread(private_topics.create, status)
        replay = await post_until_200(relay, body(), RECOVERED_WITHIN_S)

        assert answer.status_code == 503
        assert still_missing
        assert replay.json() == {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
        assert 'sofy_relay_producer_restarts_total{cause="topic_missing"} 1.0' in await relay.metrics()


async def until_readiness_says(relay: RelayProcess, reason: str) -> None:
    async with asyncio.timeout(10):
        while (await relay.admin.get("/readyz")).json()["reason"] != reason:
            await asyncio.sleep(0.05)


async def test_a_broker_killed_and_restarted_loses_nothing_that_was_answered_200(
    private_kafka: RealBroker, fragile: Cluster
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()
        acknowledged = set()

        for number in range(40):
            if number == 20:
                await asyncio.to_thread(private_kafka.kill)
            if number == 23:
                await asyncio.to_thread(private_kafka.restart)
            answer, seconds = await timed(relay, body(item(id=f"sms-{number}")))
            assert seconds <= ANSWER_WITHIN_S
            if answer.status_code == 200:
                acknowledged.add(f"sms-{number}".encode())
            else:
                assert answer.status_code == 503
        await post_until_200(relay, body(item(id="last")), RECOVERED_WITHIN_S)

        stored = {record.key for record in await read_topic(fragile.bootstrap_servers, fragile.topics["STATUS"])}
        assert len(acknowledged) >= 20
        assert acknowledged <= stored


async def test_it_shows_how_many_replicas_an_acknowledgement_rests_on(fragile: Cluster) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay:
        await relay.ready()

        metrics = await relay.metrics()

        for topic in fragile.topics.values():
            assert f'sofy_relay_topic_min_insync_replicas{{topic="{topic}"}} 1.0' in metrics


async def test_a_port_in_use_is_one_sentence_and_status_2(fragile: Cluster) -> None:
    (port,) = free_ports(1)
    taken = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    async with taken:
        relay = RelayProcess(fragile.bootstrap_servers, fragile.topics, RELAY_HTTP__PORT=str(port))
        with pytest.raises(AssertionError, match="it ended"):
            await relay.__aenter__()

    assert await relay.exit_status(5) == 2
    assert f"127.0.0.1:{port} is already in use" in relay.log()
    assert len(relay.log().strip().splitlines()) == 1
    await relay.__aexit__(None, None, None)


async def test_an_unknown_name_is_a_warning_and_what_kubernetes_injects_is_ignored(fragile: Cluster) -> None:
    injected = {
        "RELAY_SERVICE_HOST": "10.0.0.1",
        "RELAY_SERVICE_PORT": "8080",
        "RELAY_SERVICE_PORT_HTTP": "8080",
        "RELAY_PORT": "tcp://10.0.0.1:8080",
        "RELAY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "RELAY_PORT_8080_TCP_ADDR": "10.0.0.1",
        "RELAY_TEST_ANYTHING": "1",
    }
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics, RELAY_HTTP__PROT="1", **injected) as relay:
        await relay.ready()

        assert "RELAY_HTTP__PROT" in relay.log()
        assert "RELAY_HTTP__PORT" in relay.log()  # the nearest known one
        for name in injected:
            assert name not in relay.log()


async def test_sigterm_while_it_still_reads_its_settings_ends_it_with_status_0(
    fragile: Cluster, tmp_path: Path
) -> None:
    secret = tmp_path / "tokens"
    os.mkfifo(secret)
    relay = RelayProcess(fragile.bootstrap_servers, fragile.topics, RELAY_SOFY__TOKENS_FILE=str(secret))
    del relay.environment["RELAY_SOFY__TOKENS"]

    relay.spawn()
    writing = await asyncio.to_thread(secret.open, "w")  # returns when the relay has begun to read
    with writing:
        relay.signal(signal.SIGTERM)
        status = await relay.exit_status(20)

    assert status == 0
    await relay.__aexit__(None, None, None)
