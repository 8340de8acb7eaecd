"""Over TCP: how much, and for how long, the relay listens."""

import asyncio
import socket

import pytest

from relay.http.arrival import answer_by
from relay.pipeline import Refused
from relay.reasons import Reason
from tests.http.client import PATIENCE_S, Connection, chunked, connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import Edge
from tests.http.fakes import Ended

ROOM_S = 0.5
"""What an answer may be late at the client of a slow machine: faults.md, I5."""
FIFTY_MB = 50 * 1024 * 1024


async def pour(connection: Connection, chunk: bytes, limit: int) -> int:
    """Send `chunk` again and again until the relay lets nothing more through; give how much it was."""
    poured = 0
    try:
        while poured < limit:
            connection.writer.write(chunk)
            await connection.writer.drain()
            poured += len(chunk)
    except ConnectionError:
        pass
    return poured


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_413(serve: ServeEdge) -> None:
    edge = await serve(max_body_bytes=100_000)

    async with connect(edge.port) as connection:
        fits = await connection.ask(post(b"x" * 100_000))
        over = await connection.ask(post(b"x" * 100_001))

    assert (fits.status, over.status, over.error, over.closes) == (200, 413, "body_too_large", True)
    assert [len(delivery.body) for delivery in edge.handler.deliveries] == [100_000]


async def test_a_declared_50_mb_body_is_413_before_a_byte_of_it_is_sent(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        answer = await connection.ask(request(b"POST", headers=b"content-length: %d\r\n" % FIFTY_MB))
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (413, True, b"")
    assert edge.handler.claims == []


@pytest.mark.parametrize("framing", [b"content-length: %d\r\n" % FIFTY_MB, b"transfer-encoding: chunked\r\n"])
async def test_a_50_mb_body_sent_regardless_is_413_and_mostly_never_read(edge: Edge, framing: bytes) -> None:
    head = request(b"POST", headers=framing)
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" if b"chunked" in framing else b"x" * 0x10000

    async with connect(edge.port) as connection:
        await connection.send(head)
        pouring = asyncio.create_task(pour(connection, chunk, FIFTY_MB))
        answer = await connection.answer()
        poured = await pouring

    assert (answer.status, answer.error, answer.closes) == (413, "body_too_large", True)
    assert poured < FIFTY_MB  # the rest of what left the client filled the kernel's buffers, not ours
    assert edge.handler.deliveries == []


async def test_a_chunked_body_over_the_limit_is_refused_though_no_length_was_declared(serve: ServeEdge) -> None:
    edge = await serve(max_body_bytes=1000)

    async with connect(edge.port) as connection:
        answer = await connection.ask(chunked(*[b"x" * 100] * 11))

    assert (answer.status, answer.error, answer.closes) == (413, "body_too_large", True)


@pytest.mark.parametrize("sent", [b"P", b"POST /webhooks/sofy/t HTTP/1.1\r\nhost", b"\r\nGET / HTTP/1.1\r\n"])
async def test_a_head_that_does_not_end_is_408_at_the_deadline(serve: ServeEdge, sent: bytes) -> None:
    edge = await serve(answer_within_s=0.3)
    start = asyncio.get_running_loop().time()

    async with connect(edge.port) as connection:
        answer = await connection.ask(sent)
        rest = await connection.rest()

    assert (answer.status, answer.error, answer.closes, rest) == (408, "slow_request", True, b"")
    assert asyncio.get_running_loop().time() - start < 0.3 + ROOM_S
    assert edge.observer.ended == [Ended("", "refused", "slow_request", None)]


async def test_a_head_that_trickles_does_not_move_its_deadline(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.4)
    start = asyncio.get_running_loop().time()

    async with connect(edge.port) as connection:
        await connection.send(b"POST /webhooks/sofy/t HTTP/1.1\r\nhost: relay\r\nx-slow: ")
        trickling = asyncio.create_task(trickle(connection, b"x", every_s=0.02))
        answer = await connection.answer()
        trickling.cancel()

    assert answer.status == 408
    assert asyncio.get_running_loop().time() - start < 0.4 + ROOM_S


@pytest.mark.parametrize(
    ("framing", "piece"),
    [(b"content-length: 1000\r\n", b"x"), (b"transfer-encoding: chunked\r\n", b"1\r\nx\r\n")],
)
async def test_a_body_that_trickles_is_408_at_the_deadline_and_others_are_served_meanwhile(
    serve: ServeEdge, framing: bytes, piece: bytes
) -> None:
    edge = await serve(answer_within_s=0.4)
    start = asyncio.get_running_loop().time()

    async with connect(edge.port) as slow, connect(edge.port) as other:
        await slow.send(request(b"POST", headers=framing))
        trickling = asyncio.create_task(trickle(slow, piece, every_s=0.02))
        served = await other.ask(post())
        answer = await slow.answer()
        trickling.cancel()
        rest = await slow.rest()

    assert (served.status, answer.status, answer.error, answer.closes, rest) == (200, 408, "slow_request", True, b"")
    assert asyncio.get_running_loop().time() - start < 0.4 + ROOM_S
    assert len(edge.handler.deliveries) == 1


async def trickle(connection: Connection, piece: bytes, *, every_s: float) -> None:
    while True:
        await connection.send(piece)
        await asyncio.sleep(every_s)


async def test_a_body_that_never_comes_is_408(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.3)

    async with connect(edge.port) as connection:
        answer = await connection.ask(request(b"POST", headers=b"content-length: 5\r\n"))

    assert (answer.status, answer.error) == (408, "slow_request")


async def test_reading_checking_and_publishing_share_one_budget(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.6)
    edge.handler.gate.clear()
    loop = asyncio.get_running_loop()

    async with connect(edge.port) as connection:
        start = loop.time()
        await connection.send(b"POST /webhooks/sofy/token HTTP/1.1\r\n")
        await asyncio.sleep(0.2)
        await connection.send(b"host: relay\r\ncontent-length: 2\r\n\r\n{")
        await asyncio.sleep(0.2)
        answer = await connection.ask(b"}")

    assert (answer.status, answer.error) == (503, "acknowledgement_timeout")
    [delivery] = edge.handler.deliveries
    assert start <= delivery.deadline <= start + 0.6
    assert loop.time() - start < 0.6 + ROOM_S


async def test_the_answer_leaves_without_a_handler_that_overstays_and_the_publication_goes_on(
    serve: ServeEdge,
) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.handler.gate.clear()
    edge.handler.heeds_deadline = False

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())
        edge.handler.gate.set()
        again = await connection.ask(post())

    assert (answer.status, answer.error, again.status) == (503, "acknowledgement_timeout", 200)
    assert len(edge.handler.finished) == 2
    assert edge.observer.reasons == ["acknowledgement_timeout", "accepted"]


async def test_the_default_budget_keeps_the_promise_of_three_seconds(edge: Edge) -> None:
    edge.handler.gate.clear()
    loop = asyncio.get_running_loop()

    async with connect(edge.port) as connection:
        start = loop.time()
        answer = await connection.ask(post())

    assert answer.status == 503
    assert loop.time() - start < 3.0 + ROOM_S


def test_a_tenth_of_the_budget_and_never_more_than_a_tenth_of_a_second_is_kept_for_writing() -> None:
    assert answer_by(100.0, 3.0) == pytest.approx(102.9)
    assert answer_by(100.0, 0.5) == pytest.approx(100.45)


@pytest.mark.parametrize(
    "head",
    [
        request(b"POST", headers=b"content-length: 0\r\n" + b"x-more: y\r\n" * 1000),
        request(b"POST", headers=b"content-length: 0\r\n" + b"x-more: y\r\n" * 99),  # 101 with host
        request(b"POST", headers=b"content-length: 0\r\nx-more: " + b"y" * 1024 * 1024 + b"\r\n"),
        request(b"POST", headers=b"content-length: 0\r\nx-more: " + b"y" * 16 * 1024 + b"\r\n"),
        request(b"POST", headers=b"content-length: 0\r\n" + b"y" * 16 * 1024 + b": x\r\n"),
        request(b"POST", b"/webhooks/sofy/" + b"t" * 16 * 1024, b"content-length: 0\r\n"),
    ],
    ids=["1,000 headers", "101 headers", "1 MB header", "16 KiB header", "16 KiB name", "16 KiB path"],
)
async def test_a_head_beyond_its_bounds_is_431_and_the_connection_closes(edge: Edge, head: bytes) -> None:
    async with connect(edge.port) as connection:
        pouring = asyncio.create_task(pour(connection, head, len(head)))
        answer = await connection.answer()
        await pouring
        rest = await connection.rest()

    assert (answer.status, answer.error, answer.closes, rest) == (431, "headers_too_large", True, b"")
    assert edge.handler.claims == []


async def test_a_head_within_its_bounds_is_served(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        many = await connection.ask(post(headers=b"x-more: y\r\n" * 98))
        long = await connection.ask(post(headers=b"x-more: " + b"y" * 16_000 + b"\r\n"))

    assert (many.status, long.status) == (200, 200)


@pytest.mark.parametrize(
    "endless",
    [b"x-trailer: y\r\n", b"y" * 4096],
    ids=["trailers without end", "one trailer without end"],
)
async def test_a_chunked_body_cannot_go_on_in_its_trailers(edge: Edge, endless: bytes) -> None:
    async with connect(edge.port) as connection:
        await connection.send(request(b"POST", headers=b"transfer-encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n")
        pouring = asyncio.create_task(pour(connection, endless, 1024 * 1024))
        answer = await connection.answer()
        await pouring

    assert answer.status in (400, 431)
    assert answer.closes
    assert edge.handler.deliveries == []


async def test_a_chunk_extension_without_end_is_refused(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        await connection.send(request(b"POST", headers=b"transfer-encoding: chunked\r\n") + b"2;")
        pouring = asyncio.create_task(pour(connection, b"y" * 4096, 1024 * 1024))
        answer = await connection.answer()
        await pouring

    assert (answer.status, answer.error, answer.closes) == (400, "bad_framing", True)


async def test_a_silent_new_connection_is_closed_without_a_word(serve: ServeEdge) -> None:
    edge = await serve(keep_alive_s=0.2)

    async with connect(edge.port) as connection:
        rest = await connection.rest()

    assert rest == b""
    assert edge.observer.started == 0


async def test_an_idle_connection_is_closed_after_keep_alive_and_not_before(serve: ServeEdge) -> None:
    edge = await serve(keep_alive_s=0.4)

    async with connect(edge.port) as connection:
        await connection.ask(post())
        await asyncio.sleep(0.2)
        again = await connection.ask(post())
        rest = await connection.rest()

    assert (again.status, again.closes, rest) == (200, False, b"")


async def test_line_breaks_between_requests_are_no_request_and_do_not_keep_a_connection_alive(
    serve: ServeEdge,
) -> None:
    edge = await serve(keep_alive_s=0.3, answer_within_s=0.1)

    async with connect(edge.port) as connection:
        answer = await connection.ask(post() + b"\r\n")
        trickling = asyncio.create_task(trickle(connection, b"\r\n", every_s=0.05))
        rest = await connection.rest()
        trickling.cancel()

    assert (answer.status, rest) == (200, b"")
    assert edge.observer.started == 1


async def test_a_client_that_takes_no_answers_is_dropped(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # those that it accepts inherit it

    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", edge.port))
        asked = 0
        async with asyncio.timeout(PATIENCE_S):
            while asked == 0 or edge.server.connections:
                await loop.sock_sendall(client, request(b"GET", b"/nowhere"))
                asked += 1
                await edge.observer.wait_for_ended(asked)  # one at a time, or they would count as pipelined

    assert edge.observer.reasons == ["unknown_path"] * asked
    assert edge.server.connections == 0


async def test_overload_is_refused_at_once(edge: Edge) -> None:
    edge.handler.outcome = Refused(Reason.OVERLOADED)

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())

    assert (answer.status, answer.error) == (503, "overloaded")
