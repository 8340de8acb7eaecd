"""How an answer leaves: in one piece, and with its connection open where that costs less than a new one."""

import asyncio

import pytest

from relay.reasons import Reason
from tests.http.client import connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import Edge, answering_unread
from tests.http.wire import wired

SHORT = 64 * 1024
"""The longest body that is passed over."""
EXPECT = b"expect: 100-continue\r\n"


def head(length: int, more: bytes = b"") -> bytes:
    return request(b"POST", headers=b"content-length: %d\r\n%s" % (length, more))


@pytest.mark.parametrize("outcome", ["accepted", "refused", "probed"])
async def test_an_answer_is_one_write(edge: Edge, outcome: str) -> None:
    edge.handler.screened = Reason.OVERLOADED if outcome == "refused" else None
    protocol, wire = wired(edge)

    protocol.data_received(request(b"GET") if outcome == "probed" else post())
    await edge.observer.wait_for_ended(1)
    protocol.data_received(post())
    await edge.observer.wait_for_ended(2)
    protocol.connection_lost(None)

    assert len(wire.writes) == 2
    assert all(write.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in write for write in wire.writes)


async def test_an_answer_with_requests_behind_it_is_the_same_to_the_byte(edge: Edge) -> None:
    async with connect(edge.port) as alone, connect(edge.port) as crowded:
        first = await alone.ask(post())
        await crowded.send(post() + post() + request(b"HEAD", b"/nowhere") + post())
        behind = [await crowded.answer(), await crowded.answer(), await crowded.answer(to_head=True)]
        last = await crowded.answer()

    for answer in (*behind[:2], last):
        assert (answer.status, answer.body) == (first.status, first.body)
        assert answer.headers.keys() == first.headers.keys()
    assert behind[2].status == 404


async def test_a_deferred_body_that_is_still_on_its_way_is_passed_over_and_its_connection_goes_on(edge: Edge) -> None:
    edge.handler.screened = Reason.OVERLOADED
    body = b"x" * SHORT

    async with connect(edge.port) as connection:
        deferred = await connection.ask(head(SHORT) + body[:10])
        edge.handler.screened = None
        await connection.send(body[10:1000])
        accepted = await connection.ask(body[1000:] + post(b"[1]"))
        again = await connection.ask(post(b"[2]"))

    assert (deferred.status, deferred.closes) == (503, False)
    assert [(answer.status, answer.closes) for answer in (accepted, again)] == [(200, False)] * 2
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"[1]", b"[2]"]
    assert edge.observer.reasons == ["overloaded", "accepted", "accepted"]


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        (Reason.UNKNOWN_TOKEN, head(5)),  # who is not believed gets nothing read
        (Reason.MISSING_SIGNATURE, head(5)),
        (Reason.OVERLOADED, head(SHORT + 1)),
        (Reason.OVERLOADED, head(5, EXPECT)),  # it was not told to go on, so its body may never come
        (Reason.OVERLOADED, request(b"POST", headers=b"transfer-encoding: chunked\r\n") + b"5\r\nab"),
    ],
    ids=["wrong token", "unsigned", "too long", "waits for continue", "chunked"],
)
async def test_no_other_body_is_passed_over(edge: Edge, reason: Reason, data: bytes) -> None:
    edge.handler.screened = reason

    async with connect(edge.port) as connection:
        answer = await connection.ask(data)
        rest = await connection.rest()

    assert (answer.error, answer.closes, rest) == (reason.value, True, b"")


async def test_an_application_that_does_not_ask_for_it_has_no_body_passed_over(edge: Edge) -> None:
    """The admin port's: its deadline is far, its connection ends behind the answer all the same."""

    async with answering_unread(edge, answer_within_s=60.0) as port, connect(port) as connection:
        answer = await connection.ask(head(5))
        rest = await connection.rest()

    assert (answer.status, rest) == (200, b"")


async def test_while_draining_no_body_is_passed_over(edge: Edge) -> None:
    edge.handler.screened = Reason.DRAINING
    edge.draining = True

    async with connect(edge.port) as connection:
        answer = await connection.ask(head(5))
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (503, True, b"")


@pytest.mark.parametrize("sent", [b"", b"x"])
async def test_what_is_passed_over_must_come_by_the_requests_deadline(serve: ServeEdge, sent: bytes) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.handler.screened = Reason.OVERLOADED

    async with connect(edge.port) as connection:
        answer = await connection.ask(head(5) + sent)
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (503, False, b"")
    assert edge.observer.reasons == ["overloaded"]


async def test_a_body_passed_over_holds_a_drain_up_until_its_deadline_at_most(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.handler.screened = Reason.OVERLOADED

    async with connect(edge.port) as connection:
        await connection.ask(head(5))
        edge.server.stop_accepting()
        await asyncio.wait_for(edge.server.drain(60.0, idle_grace_s=0.0), timeout=10.0)

    assert edge.server.connections == 0


async def test_keep_alive_counts_the_silence_after_an_answer_however_long_that_took(serve: ServeEdge) -> None:
    edge = await serve(keep_alive_s=0.3)
    edge.handler.gate.clear()
    loop = asyncio.get_running_loop()

    async with connect(edge.port) as connection:
        await connection.send(post())
        await asyncio.sleep(0.5)
        edge.handler.gate.set()
        answer = await connection.answer()
        answered = loop.time()
        await asyncio.sleep(0.1)
        again = await connection.ask(post())
        rest = await connection.rest()

    assert (answer.status, again.status, rest) == (200, 200, b"")
    assert loop.time() - answered >= 0.1 + 0.3 - 0.01  # timers are whole milliseconds
