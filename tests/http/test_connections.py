"""Over TCP: connections that are reused, shared, left, upgraded, many."""

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from relay.pipeline import Accepted
from relay.reasons import Reason
from tests.http.client import connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import Edge, answering_unread
from tests.http.fakes import Ended

EXPECT = b"expect: 100-continue\r\n"


async def test_a_connection_serves_many_requests_whatever_their_answers(edge: Edge) -> None:
    asked = [post(), request(b"GET"), request(b"POST", b"/nowhere"), request(b"PUT"), post(b"[]")]

    async with connect(edge.port) as connection:
        answers = [await connection.ask(data) for data in asked]

    assert [answer.status for answer in answers] == [200, 204, 404, 405, 200]
    assert not any(answer.closes for answer in answers)


async def test_a_request_in_single_bytes_is_one_request(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        for byte in post(b"[1, 2]"):
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)
        answer = await connection.answer()

    assert answer.status == 200
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"[1, 2]"]


async def test_pipelined_requests_are_answered_in_their_order(edge: Edge) -> None:
    edge.handler.gate.clear()
    asked = post(b"1") + request(b"GET") + post(b"22") + request(b"PUT") + post(b"333" * 50_000)

    async with connect(edge.port) as connection:
        await connection.send(asked)
        await edge.handler.wait_for_deliveries(1)
        edge.handler.gate.set()
        answers = [await connection.answer() for _ in range(5)]
        after = await connection.ask(post(b"4444"))

    assert [answer.status for answer in answers] == [200, 204, 200, 405, 200]
    assert after.status == 200
    assert [len(delivery.body) for delivery in edge.handler.deliveries] == [1, 2, 150_000, 4]


async def test_a_refusal_waits_for_the_answers_before_it(edge: Edge) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post(b"1") + post(b"2") + b"nonsense\r\n\r\n")
        await edge.handler.wait_for_deliveries(1)
        edge.handler.gate.set()
        answers = [await connection.answer() for _ in range(3)]
        rest = await connection.rest()

    assert [answer.status for answer in answers] == [200, 200, 400]
    assert [answer.closes for answer in answers] == [False, False, True]
    assert rest == b""


async def test_a_broken_body_behind_a_waiting_request_is_refused_in_its_turn(edge: Edge) -> None:
    edge.handler.gate.clear()
    broken = request(b"POST", headers=b"transfer-encoding: chunked\r\n") + b"2\r\n{}\r\nnonsense\r\n"

    async with connect(edge.port) as connection:
        await connection.send(post(b"1") + broken + post(b"smuggled"))
        await edge.handler.wait_for_deliveries(1)
        edge.handler.gate.set()
        answers = [await connection.answer() for _ in range(2)]
        rest = await connection.rest()

    assert [answer.status for answer in answers] == [200, 400]
    assert rest == b""
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"1"]


async def test_a_head_left_half_behind_a_waiting_request_is_408_in_its_turn(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.4)
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post(b"1") + b"POST /webhooks")
        answers = [await connection.answer() for _ in range(2)]

    assert [answer.error for answer in answers] == ["acknowledgement_timeout", "slow_request"]


async def test_too_many_pipelined_requests_end_the_connection_after_those_that_were_taken(edge: Edge) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post(b"x") * 300)
        await edge.handler.wait_for_deliveries(1)
        edge.handler.gate.set()
        answers = [await connection.answer() for _ in range(101)]
        rest = await connection.rest()

    assert [answer.status for answer in answers] == [200] * 101
    assert [answer.closes for answer in answers] == [False] * 100 + [True]
    assert rest == b""
    assert len(edge.handler.deliveries) == 101


async def test_a_client_that_leaves_mid_body_publishes_nothing_and_makes_no_noise(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(edge.port) as connection:
        await connection.send(request(b"POST", headers=b"content-length: 500\r\n") + b'{"data":')
    await edge.observer.wait_for_ended(1)

    assert edge.handler.deliveries == []
    assert edge.observer.ended == [Ended("", "abandoned", "client_disconnected", None)]
    assert caplog.records == []


async def test_a_client_that_leaves_mid_head_was_never_there(edge: Edge, caplog: pytest.LogCaptureFixture) -> None:
    async with connect(edge.port) as connection:
        await connection.send(b"POST /webhooks")
    async with connect(edge.port) as connection:
        await connection.ask(post())

    assert edge.observer.reasons == ["accepted"]
    assert caplog.records == []


async def test_a_client_that_leaves_while_kafka_is_awaited_has_its_delivery_published_and_counted(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post())
        await edge.handler.wait_for_deliveries(1)
        connection.writer.transport.abort()
    edge.handler.gate.set()
    await edge.observer.wait_for_ended(1)

    assert len(edge.handler.finished) == 1
    assert edge.observer.ended == [Ended("default", "accepted", "", 2)]
    assert caplog.records == []


async def test_a_client_that_says_first_that_it_sends_no_more_still_gets_its_answer(edge: Edge) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post())
        connection.writer.write_eof()
        await edge.handler.wait_for_deliveries(1)
        edge.handler.gate.set()
        answer = await connection.answer()
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (200, True, b"")


async def test_continue_is_said_only_to_a_request_that_will_be_read(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        await connection.send(request(b"POST", headers=EXPECT + b"content-length: 2\r\n"))
        go_on = await connection.answer()
        answer = await connection.ask(b"{}")

    assert (go_on.status, answer.status) == (100, 200)


@pytest.mark.parametrize(("length", "status"), [(2, 401), (52_428_800, 413)])
async def test_a_refusal_comes_before_continue(edge: Edge, length: int, status: int) -> None:
    edge.handler.screened = Reason.UNKNOWN_TOKEN

    async with connect(edge.port) as connection:
        answer = await connection.ask(request(b"POST", headers=EXPECT + b"content-length: %d\r\n" % length))

    assert (answer.status, answer.closes) == (status, True)


async def test_an_upgrade_is_not_granted_and_its_body_is_not_lost(edge: Edge) -> None:
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
    websocket = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"

    async with connect(edge.port) as connection:
        first = await connection.ask(post(b'{"a":1}', headers=upgrade))
        await connection.send(request(b"POST", headers=upgrade + b"transfer-encoding: chunked\r\n"))
        second = await connection.ask(b"2\r\n[]\r\n0\r\n\r\n")
        third = await connection.ask(request(b"GET", headers=websocket) + post(b"[1]"))
        fourth = await connection.answer()

    assert [answer.status for answer in (first, second, third, fourth)] == [200, 200, 204, 200]
    assert [delivery.body for delivery in edge.handler.deliveries] == [b'{"a":1}', b"[]", b"[1]"]


async def test_a_tunnel_is_not_opened(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(request(b"CONNECT") + post())
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (405, True, b"")
    assert edge.handler.deliveries == []


async def test_a_refused_sender_that_is_still_sending_reads_its_answer(edge: Edge) -> None:
    edge.handler.screened = Reason.UNKNOWN_TOKEN

    async with connect(edge.port) as connection:
        await connection.send(request(b"POST", headers=b"content-length: 30000\r\n"))
        await edge.observer.wait_for_ended(1)
        for _ in range(3):
            await connection.send(b"x" * 10_000)
        answer = await connection.answer()
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (401, True, b"")


def nonblocking() -> socket.socket:
    client = socket.socket()
    client.settimeout(0)
    return client


@pytest.fixture
def many_files() -> Iterator[int]:
    """Raises the limit of open files as far as it goes; gives it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_five_thousand_idle_connections_cost_no_task_and_leave_room_for_a_request(
    edge: Edge, many_files: int
) -> None:
    wanted = min(5000, (many_files - 500) // 2)
    loop = asyncio.get_running_loop()
    before = len(asyncio.all_tasks())
    with ExitStack() as stack:
        for _ in range(wanted):
            idle = stack.enter_context(nonblocking())
            await loop.sock_connect(idle, ("127.0.0.1", edge.port))
        async with connect(edge.port) as connection:
            answer = await connection.ask(post())

        assert edge.server.connections > wanted
        assert len(asyncio.all_tasks()) <= before + 1

    assert answer.status == 200


async def test_hundreds_that_come_at_once_are_taken_in_within_a_few_rounds_of_the_loop(edge: Edge) -> None:
    """Under load a round takes milliseconds: one connection a round would leave the last ones waiting for seconds."""
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", edge.port)))
        rounds = 0
        while edge.server.connections < 300 and rounds < 50:
            rounds += 1
            await asyncio.sleep(0)

        assert edge.server.connections == 300


async def test_with_file_descriptors_exhausted_the_server_survives_and_recovers(edge: Edge) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = [nonblocking() for _ in range(20)]
    async with connect(edge.port) as pooled:
        await pooled.ask(post())
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (waiting[-1].fileno() + 1, hard))
            for client in waiting:
                with suppress(BlockingIOError):
                    client.connect(("127.0.0.1", edge.port))
            served = await pooled.ask(post())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for client in waiting:
                client.close()

        async with connect(edge.port) as connection:
            after = await connection.ask(post())

    assert (served.status, after.status) == (200, 200)


async def test_what_one_connection_sends_never_reaches_another(edge: Edge) -> None:
    edge.handler.outcome = Accepted("default", accepted=0, duplicates=0, dead_lettered=0)

    async with connect(edge.port) as first, connect(edge.port) as second:
        await first.send(post(b"first")[:-2])
        await second.send(post(b"second")[:-2])
        await first.ask(b"st")
        await second.ask(b"nd")

    assert [delivery.body for delivery in edge.handler.deliveries] == [b"first", b"second"]


async def test_a_body_that_the_application_did_not_read_ends_the_connection_behind_its_answer(edge: Edge) -> None:
    """The admin port's application answers without reading."""

    async with answering_unread(edge, answer_within_s=3.0) as port, connect(port) as connection:
        whole = await connection.ask(request(b"GET"))
        partial = await connection.ask(request(b"POST", headers=b"content-length: 500\r\n") + post())
        rest = await connection.rest()

    assert (whole.status, partial.status, rest) == (200, 200, b"")
