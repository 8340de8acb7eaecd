"""Two `relay serve` share a window in Redis: what one has published is a duplicate at the other, and Redis may go."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.kafka.reader import read_topic
from tests.redis.server import RedisServer
from tests.sofy.payloads import body, item

PASSWORD = "pl4nted-redis-p4ssword"
FAR_MORE_THAN_50_MS = 1.0
ERRORS = "sofy_relay_duplicate_window_errors_total"
ACCEPTED = {"accepted": 1, "duplicates": 0, "dead_lettered": 0}
DUPLICATE = {"accepted": 0, "duplicates": 1, "dead_lettered": 0}
Pair = tuple[RelayProcess, RelayProcess]


@pytest.fixture
async def pair(cluster: Cluster, redis_server: RedisServer) -> AsyncIterator[Pair]:
    """Two replicas on one Kafka and one Redis, which asks for a password; both reach both."""
    redis_server.ask("CONFIG", "SET", "requirepass", PASSWORD)
    store = f"redis://:{PASSWORD}@127.0.0.1:{redis_server.port}/0"
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(
                RelayProcess(
                    cluster.bootstrap_servers, cluster.topics, RELAY_DUPLICATES__STORE=store, RELAY_LOG__LEVEL="debug"
                )
            )
            for _ in range(2)
        ]
        for relay in (first, second):
            await relay.ready()
            await relay.logged("the shared duplicate window answers")
        yield first, second


async def errors(relay: RelayProcess) -> float:
    (line,) = [line for line in (await relay.metrics()).splitlines() if line.startswith(ERRORS)]
    return float(line.rsplit(" ", 1)[1])


async def test_a_replay_through_the_other_replica_is_a_duplicate_and_adds_no_record(
    cluster: Cluster, pair: Pair
) -> None:
    payloads = [body(item(id=f"sms-{number}")) for number in range(5)]

    first = [(await pair[0].post(payload)).json() for payload in payloads]
    replayed = [(await pair[1].post(payload)).json() for payload in payloads]
    both = await pair[1].post(body(item(id="sms-0"), item(id="new")))

    assert first == [ACCEPTED] * 5
    assert replayed == [DUPLICATE] * 5
    assert both.json() == {"accepted": 1, "duplicates": 1, "dead_lettered": 0}
    assert len(await read_topic(cluster.bootstrap_servers, cluster.topics["STATUS"])) == 6
    assert 'sofy_relay_duplicates_total{account="default",kind="window"} 6.0' in await pair[1].metrics()
    assert await errors(pair[1]) == 0


async def test_a_dead_letter_is_in_the_window_too(cluster: Cluster, pair: Pair) -> None:
    await pair[0].post(b"no JSON")

    again = await pair[1].post(b"no JSON")

    assert again.json() == DUPLICATE
    assert len(await read_topic(cluster.bootstrap_servers, cluster.topics["DEAD_LETTER"])) == 1


async def test_with_redis_killed_webhooks_are_accepted_counted_and_never_lost(
    cluster: Cluster, pair: Pair, redis_server: RedisServer
) -> None:
    payload = body(item(id="sms-0"))
    await pair[0].post(payload)

    redis_server.kill()
    through_the_other = await pair[1].post(payload)
    through_the_same = await pair[0].post(payload)
    new = [await pair[1].post(body(item(id=f"new-{number}"))) for number in range(20)]

    assert through_the_other.json() == ACCEPTED  # a second record with the same event_id
    assert through_the_same.json() == DUPLICATE  # its own memory knows
    assert [answer.status_code for answer in new] == [200] * 20
    assert await errors(pair[1]) >= 21
    keys = [record.key for record in await read_topic(cluster.bootstrap_servers, cluster.topics["STATUS"])]
    assert sorted(key for key in keys if key is not None) == sorted(
        [b"sms-0", b"sms-0", *(b"new-%d" % number for number in range(20))]
    )


async def test_with_redis_frozen_no_answer_waits_long_and_it_is_asked_again_when_it_thaws(
    pair: Pair, redis_server: RedisServer
) -> None:
    redis_server.pause()

    answers = [await pair[0].post(body(item(id=f"sms-{number}"))) for number in range(40)]

    assert [answer.json() for answer in answers] == [ACCEPTED] * 40
    assert max(answer.elapsed.total_seconds() for answer in answers) < FAR_MORE_THAN_50_MS
    assert await errors(pair[0]) >= 40
    redis_server.resume()
    await pair[0].logged("the shared duplicate window answers", times=2)


async def test_a_stop_is_in_time_and_clean_whether_redis_answers_or_not(pair: Pair, redis_server: RedisServer) -> None:
    await pair[0].post(body(item(id="sms-0")))
    pair[0].signal(signal.SIGTERM)
    assert await pair[0].exit_status(20) == 0
    assert (await pair[1].post(body(item(id="sms-0")))).json() == DUPLICATE

    redis_server.pause()
    await pair[1].post(body(item(id="sms-1")))
    pair[1].signal(signal.SIGTERM)
    assert await pair[1].exit_status(20) == 0

    for relay in pair:
        assert "Traceback" not in relay.log()
        assert "Warning" not in relay.log()


async def test_the_password_is_in_no_log_or_metric_whatever_redis_does(pair: Pair, redis_server: RedisServer) -> None:
    relay = pair[0]
    await relay.post(body(item(id="sms-0")))
    redis_server.kill()
    await relay.post(body(item(id="sms-1")))
    redis_server.start()  # without a password: ours is refused
    await relay.logged("is away")
    shown = await relay.metrics() + (await relay.admin.get("/readyz")).text
    relay.signal(signal.SIGTERM)
    assert await relay.exit_status(20) == 0

    assert PASSWORD not in shown
    assert PASSWORD not in relay.log()
