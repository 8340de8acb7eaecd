"""Crowds at the door of the process: slow ones, silent ones, large ones, more than it has files for, and leavers."""

import asyncio
import resource
import signal
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Cluster
from tests.end_to_end.relay_process import RelayProcess
from tests.http.client import Connection, connect, post, request
from tests.kafka.reader import read_topic
from tests.overload.load import Load
from tests.overload.slow_senders import PATH, slow_senders
from tests.overload.watching import Highest, total, values
from tests.sofy.payloads import body, item

MEBIBYTE = 1024 * 1024
MEMORY = "process_resident_memory_bytes"
CPU = "process_cpu_seconds_total"
GONE_WITHIN_S = 20
FIFTY_MB = 50 * MEBIBYTE


@pytest.mark.slow
async def test_hundreds_of_slow_senders_are_refused_hold_nobody_up_and_do_not_keep_the_process(slow: Cluster) -> None:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay, Load(relay) as load:
        await relay.ready()
        async with slow_senders(relay, 600) as first, Highest(relay) as highest:
            beside = await load.offer(50, 4.0)
            refused = await asyncio.gather(*first)
        async with slow_senders(relay, 600) as second:
            await until_connections(relay, 600)
            relay.signal(signal.SIGTERM)
            status = await relay.exit_status(GONE_WITHIN_S)
            await asyncio.wait(second)

        assert [attempt.status for attempt in beside] == [200] * len(beside)
        assert {(answer.status, answer.error, answer.closes) for answer in refused} == {(408, "slow_request", True)}
        assert highest.of("sofy_relay_oldest_unacknowledged_seconds") < 1
        assert status == 0
        assert {answer.result().status for answer in second} <= {408, 503}
        assert "Traceback" not in relay.log()


async def until_connections(relay: RelayProcess, count: int) -> None:
    async with asyncio.timeout(20):
        while open_files(relay) < count:
            await asyncio.sleep(0.05)


def open_files(relay: RelayProcess) -> int:
    return len(list(Path(f"/proc/{relay.pid}/fd").iterdir()))


@pytest.mark.slow
async def test_beside_five_thousand_idle_connections_new_ones_are_served_and_a_stop_is_in_time(
    slow: Cluster, many_files: int
) -> None:
    wanted = min(5000, many_files - 500)
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay, AsyncExitStack() as idle:
        await relay.ready()
        before = values(await relay.metrics())
        for _ in range(wanted):
            await idle.enter_async_context(connect(relay.webhook_port))
        await until_connections(relay, wanted)
        answers = [await relay.post(body(item(id=f"sms-{number}"))) for number in range(20)]
        during = values(await relay.metrics())
        relay.signal(signal.SIGTERM)
        status = await relay.exit_status(GONE_WITHIN_S)

        assert [answer.status_code for answer in answers] == [200] * 20
        assert during[MEMORY] - before[MEMORY] < 100 * MEBIBYTE
        assert status == 0
        assert "Traceback" not in relay.log()


@pytest.mark.slow
async def test_out_of_file_descriptors_the_process_survives_serves_who_is_there_and_then_new_ones(
    slow: Cluster,
) -> None:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay, connect(relay.webhook_port) as pooled:
        await relay.ready()
        before = values(await relay.metrics())
        limit = open_files(relay) + 10
        resource.prlimit(relay.pid, resource.RLIMIT_NOFILE, (limit, limit))
        async with AsyncExitStack() as crowd:
            for _ in range(200):
                await crowd.enter_async_context(connect(relay.webhook_port))
            served = [await pooled.ask(webhook(f"pooled-{number}")) for number in range(10)]
        async with asyncio.timeout(10):
            while (again := await answered(relay, "new")) is None:
                await asyncio.sleep(0.1)
        ready = await relay.admin.get("/readyz")
        after = values(await relay.metrics())

        assert [answer.status for answer in served] == [200] * 10
        assert again == 200
        assert ready.status_code == 200
        assert after[CPU] - before[CPU] < 2.0  # it waited for a free file, and did not turn in circles
        assert len(relay.log().splitlines()) < 50
        assert "Traceback" not in relay.log()


@pytest.mark.slow
async def test_out_of_file_descriptors_a_stop_is_in_time_and_clean(slow: Cluster) -> None:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay, AsyncExitStack() as crowd:
        await relay.ready()
        limit = open_files(relay) + 10
        resource.prlimit(relay.pid, resource.RLIMIT_NOFILE, (limit, limit))
        for _ in range(200):
            await crowd.enter_async_context(connect(relay.webhook_port))

        relay.signal(signal.SIGTERM)

        assert await relay.exit_status(GONE_WITHIN_S) == 0
        assert "Traceback" not in relay.log()


@pytest.mark.slow
async def test_a_pooled_connection_idle_for_up_to_70_s_serves_its_next_request(slow: Cluster) -> None:
    async def idle_for(relay: RelayProcess, seconds: int) -> list[tuple[int, bool]]:
        async with connect(relay.webhook_port) as pooled:
            first = await pooled.ask(webhook(f"before-{seconds}"))
            await asyncio.sleep(seconds)
            second = await pooled.ask(webhook(f"after-{seconds}"))
        return [(answer.status, answer.closes) for answer in (first, second)]

    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay:
        await relay.ready()

        served = await asyncio.gather(*(idle_for(relay, seconds) for seconds in (5, 15, 30, 59, 61, 70)))

        assert served == [[(200, False), (200, False)]] * 6


def webhook(sms_id: str) -> bytes:
    return post(body(item(id=sms_id)), path=PATH)


async def answered(relay: RelayProcess, sms_id: str) -> int | None:
    with suppress(OSError, asyncio.IncompleteReadError):
        async with connect(relay.webhook_port) as connection:
            return (await connection.ask(webhook(sms_id))).status
    return None


@pytest.mark.slow
@pytest.mark.parametrize("framing", [b"content-length: %d\r\n" % FIFTY_MB, b"transfer-encoding: chunked\r\n"])
async def test_bodies_of_50_mb_are_413_and_the_memory_of_the_process_is_flat(slow: Cluster, framing: bytes) -> None:
    chunk = b"100000\r\n" + b" " * MEBIBYTE + b"\r\n" if b"chunked" in framing else b" " * MEBIBYTE

    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay:
        await relay.ready()
        await refused_while_pouring(relay, framing, chunk)
        before = values(await relay.metrics())
        async with Highest(relay) as highest:
            answers = await asyncio.gather(*(refused_while_pouring(relay, framing, chunk) for _ in range(10)))

        assert answers == [413] * 10
        assert highest.of(MEMORY) - before[MEMORY] < 32 * MEBIBYTE  # ten times the limit, and some


async def refused_while_pouring(relay: RelayProcess, framing: bytes, chunk: bytes) -> int:
    async with connect(relay.webhook_port) as connection:
        await connection.send(request(b"POST", PATH, framing))
        pouring = asyncio.create_task(pour(connection, chunk))
        answer = await connection.answer()
        await pouring
    return answer.status


async def pour(connection: Connection, chunk: bytes) -> None:
    with suppress(ConnectionError):
        for _ in range(FIFTY_MB // MEBIBYTE):
            await connection.send(chunk)


async def test_who_leaves_mid_body_publishes_nothing_and_who_leaves_while_waiting_is_published_and_counted(
    slow: Cluster,
) -> None:
    async with RelayProcess(slow.bootstrap_servers, slow.topics) as relay:
        await relay.ready()
        lines = len(relay.log().splitlines())

        async with connect(relay.webhook_port) as connection:
            await connection.send(webhook("mid-body")[:-50])
        async with connect(relay.webhook_port) as connection:
            await connection.send(webhook("waiting"))
            await until(relay, "sofy_relay_events_received_total", 1)
            connection.writer.transport.abort()
        await until(relay, "sofy_relay_events_total", 1)
        await until(relay, "sofy_relay_webhooks_in_flight", 0)
        metrics = values(await relay.metrics())

        assert metrics['sofy_relay_webhooks_total{account="",outcome="abandoned",reason="client_disconnected"}'] == 1
        assert metrics['sofy_relay_webhooks_total{account="default",outcome="accepted",reason=""}'] == 1
        assert metrics['sofy_relay_events_total{account="default",result="published"}'] == 1
        assert [record.key for record in await read_topic(slow.bootstrap_servers, slow.topics["STATUS"])] == [
            b"waiting"
        ]
        assert "Traceback" not in relay.log()
        assert len(relay.log().splitlines()) <= lines + 1  # the abandoned one, by its reason


async def until(relay: RelayProcess, metric: str, value: float) -> None:
    async with asyncio.timeout(10):
        while total(await relay.metrics(), metric) != value:
            await asyncio.sleep(0.02)
