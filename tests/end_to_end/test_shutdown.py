"""A stop: in order, step by step in the log, in time whatever Kafka and clients do, and truthful to the last answer."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from relay.simulator.poster import Trouble
from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import TOKEN, RelayProcess
from tests.http.client import connect, post
from tests.kafka.broker import RealBroker
from tests.kafka.ports import free_ports
from tests.kafka.reader import read_topic
from tests.overload.load import Attempt, Load
from tests.overload.slow_broker import SlowBroker
from tests.overload.slow_senders import slow_senders
from tests.overload.watching import total
from tests.sofy.payloads import body, item

GONE_WITHIN_S = 20
PATH = f"/webhooks/sofy/{TOKEN}".encode()
STEPS = [
    "stopping",
    "requests in flight are answered",
    "the producer is flushed and stopped",
    "the admin port is closed",
    "stopped",
]
NOWHERE = {name: name.lower() for name in ("STATUS", "OTHER", "DEAD_LETTER")}
AT_A_TIME = 5
TIMES = 20


@pytest.fixture
def slow() -> Iterator[Cluster]:
    """A Kafka slow enough for a signal to come while it is awaited."""
    with SlowBroker(round_trip_s=0.25) as broker:
        yield broker.cluster()


@pytest.fixture
async def relay(slow: Cluster) -> AsyncIterator[RelayProcess]:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay:
        await relay.ready()
        yield relay


async def until_waiting(relay: RelayProcess, count: int) -> None:
    async with asyncio.timeout(10):
        while total(await relay.metrics(), "sofy_relay_events_received_total") != count:
            await asyncio.sleep(0.01)


def steps(relay: RelayProcess) -> list[str]:
    """Give the shutdown's steps as logged."""
    lines = [json.loads(line) for line in relay.log().splitlines()]
    told = [line.get("step", line["event"]) for line in lines if line["logger"] == "relay.app"]
    return told[told.index("stopping") :]


async def test_who_was_accepted_before_sigterm_gets_its_200_whoever_comes_later_a_503_and_no_connection_is_reset(
    relay: RelayProcess, slow: Cluster
) -> None:
    async with connect(relay.webhook_port) as pooled:
        await pooled.ask(post(body(item(id="first")), path=PATH))
        waiting = [asyncio.create_task(relay.post(body(item(id=f"waiting-{number}")))) for number in range(10)]
        await until_waiting(relay, 11)

        relay.signal(signal.SIGTERM)
        await relay.logged('"stopping"')
        late = await pooled.ask(post(body(item(id="late")), path=PATH))
        answers = await asyncio.gather(*waiting)
        status = await relay.exit_status(GONE_WITHIN_S)

    assert [answer.json()["accepted"] for answer in answers] == [1] * 10
    assert (late.status, late.error, late.closes) == (503, "draining", True)
    assert 1 <= int(late.headers["retry-after"]) <= 5
    assert status == 0
    assert steps(relay) == STEPS
    stored = {record.key for record in await read_topic(slow.bootstrap_servers, slow.topics["STATUS"])}
    assert stored == {b"first", *(b"waiting-%d" % number for number in range(10))}


async def test_more_signals_do_not_break_the_drain(relay: RelayProcess) -> None:
    waiting = asyncio.create_task(relay.post(body()))
    await until_waiting(relay, 1)

    relay.signal(signal.SIGTERM)
    await relay.logged('"stopping"')
    for again in (signal.SIGTERM, signal.SIGINT):
        relay.signal(again)
    answer = await waiting
    status = await relay.exit_status(GONE_WITHIN_S)

    assert answer.json()["accepted"] == 1
    assert status == 0
    assert steps(relay) == STEPS
    assert "Traceback" not in relay.log()


async def test_with_kafka_away_and_slow_clients_connected_it_is_gone_in_time() -> None:
    (nobody,) = free_ports(1)
    async with RelayProcess(f"127.0.0.1:{nobody}", NOWHERE) as relay:
        async with slow_senders(relay, 60) as senders:
            await asyncio.sleep(0)
            answered = await relay.post(body())
            relay.signal(signal.SIGTERM)
            status = await relay.exit_status(GONE_WITHIN_S)
            await asyncio.wait(senders)

        assert answered.status_code == 503
        assert status == 0
        assert steps(relay) == STEPS
        assert "Traceback" not in relay.log()


@pytest.mark.slow
async def test_twenty_times_in_a_row_with_kafka_never_there_a_stop_under_load_is_in_time_and_truthful() -> None:
    (nobody,) = free_ports(1)
    for _ in range(TIMES // AT_A_TIME):
        async with AsyncExitStack() as stack:
            relays = [
                await stack.enter_async_context(RelayProcess(f"127.0.0.1:{nobody}", NOWHERE)) for _ in range(AT_A_TIME)
            ]
            for stopped in await asyncio.gather(*(stopped_under_load(relay) for relay in relays)):
                assert {attempt.status for attempt in stopped} == {503}


@pytest.mark.slow
@pytest.mark.kafka
async def test_twenty_times_in_a_row_with_kafka_frozen_a_stop_under_load_is_in_time_and_truthful(
    private_kafka: RealBroker, fragile: Cluster
) -> None:
    acknowledged: set[bytes] = set()
    for _ in range(TIMES // AT_A_TIME):
        async with AsyncExitStack() as stack:
            relays = [
                await stack.enter_async_context(RelayProcess(fragile.bootstrap_servers, fragile.topics))
                for _ in range(AT_A_TIME)
            ]
            await asyncio.gather(*(relay.ready() for relay in relays))
            private_kafka.pause()
            try:
                stopped = await asyncio.gather(*(stopped_under_load(relay) for relay in relays))
            finally:
                private_kafka.resume()
            attempts = [attempt for each in stopped for attempt in each]
            assert [attempt for attempt in attempts if attempt.status not in {200, 503}] == []
            acknowledged |= {attempt.sms_id.encode() for attempt in attempts if attempt.status == 200}

    stored = {record.key for record in await read_topic(fragile.bootstrap_servers, fragile.topics["STATUS"])}
    assert acknowledged <= stored


async def stopped_under_load(relay: RelayProcess) -> list[Attempt]:
    """Offer webhooks, send SIGTERM, see it go; give the webhooks that it answered."""
    async with Load(relay) as load:
        end = asyncio.Event()
        offering = asyncio.create_task(load.offer_until(20, end))
        await asyncio.sleep(1.0)  # so that some wait for Kafka, and the breaker has not opened yet
        relay.signal(signal.SIGTERM)
        status = await relay.exit_status(GONE_WITHIN_S)
        end.set()
        attempts = await offering
    assert status == 0
    assert steps(relay) == STEPS
    assert "Traceback" not in relay.log()
    # Once it accepts no more, connecting is refused, or reset at that very moment: no answer, and so no promise.
    return [attempt for attempt in attempts if attempt.text not in {Trouble.REFUSED, Trouble.UNREACHABLE}]


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.parametrize("seconds", [5, 60], ids=["longer than an answer may take", "longer than the supervisor waits"])
async def test_a_relay_that_was_frozen_itself_answers_truthfully_and_goes_on(
    private_kafka: RealBroker, fragile: Cluster, seconds: int
) -> None:
    async with RelayProcess(fragile.bootstrap_servers, fragile.topics) as relay, Load(relay) as load:
        await relay.ready()
        private_kafka.pause()
        try:
            waiting = [asyncio.create_task(load.post(f"waiting-{number}")) for number in range(5)]
            await until_waiting(relay, 5)
            relay.signal(signal.SIGSTOP)
        finally:
            private_kafka.resume()
        sent = [asyncio.create_task(load.post(f"sent-{number}")) for number in range(20)]
        await asyncio.sleep(seconds)
        relay.signal(signal.SIGCONT)
        attempts = await asyncio.gather(*waiting, *sent)
        async with asyncio.timeout(10):
            while (await load.post("after")).status != 200:
                await asyncio.sleep(0.1)
        after = await load.offer(50, 2.0)

        assert {attempt.status for attempt in attempts} <= {200, 503, None}  # None: the sender had given up
        assert {attempt.status for attempt in after} == {200}
        stored = {record.key for record in await read_topic(fragile.bootstrap_servers, fragile.topics["STATUS"])}
        assert {attempt.sms_id.encode() for attempt in (*attempts, *after) if attempt.status == 200} <= stored
        assert (await relay.admin.get("/readyz")).status_code == 200
        assert "Traceback" not in relay.log()
