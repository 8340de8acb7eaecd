"""Under overload a webhook is refused by its head alone: nobody can tell, but by what it costs."""

import asyncio
from dataclasses import dataclass

import pytest
import structlog

from relay.reasons import Reason
from tests.http.client import Received, connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import Edge
from tests.http.fakes import Ended
from tests.http.wire import wired

LONG = 64 * 1024 + 1
"""One byte more than is passed over."""
DEFERRED = Ended("", "deferred", "overloaded", None)


async def deferring(edge: Edge) -> None:
    """Have a webhook deferred, so that the next one may be refused by its head."""
    before, edge.handler.screened = edge.handler.screened, Reason.OVERLOADED
    async with connect(edge.port) as connection:
        assert (await connection.ask(post())).error == "overloaded"
    edge.handler.screened = before


async def test_once_one_was_deferred_the_next_are_answered_without_a_task(edge: Edge) -> None:
    edge.handler.screened = Reason.KAFKA_UNREACHABLE
    await deferring(edge)
    protocol, wire = wired(edge)

    with structlog.testing.capture_logs() as lines:
        protocol.data_received(post() + post())  # nothing is awaited: no task could run
        answers = b"".join(wire.writes)
    protocol.connection_lost(None)

    assert answers.count(b"HTTP/1.1 503 ") == answers.count(b'{"error":"kafka_unreachable"}') == 2
    assert edge.observer.started == len(edge.observer.ended) == 3
    assert edge.observer.ended[1:] == [Ended("", "deferred", "kafka_unreachable", None)] * 2
    assert [(line["event"], line["reason"], line["request_id"]) for line in lines] == [
        ("webhook deferred", "kafka_unreachable", "request-2"),
        ("webhook deferred", "kafka_unreachable", "request-3"),
    ]
    assert all(f"x-request-id: {line['request_id']}\r\n".encode() in answers for line in lines)


async def test_it_makes_no_difference_how_its_bytes_come(edge: Edge) -> None:
    data = post(b"{}")

    for cut in range(1, len(data)):
        await deferring(edge)
        edge.handler.screened = Reason.OVERLOADED
        already = len(edge.observer.ended)
        protocol, wire = wired(edge)
        protocol.data_received(data + data[:cut])
        protocol.data_received(data[cut:])
        edge.handler.screened = None
        protocol.data_received(post(b"[1]"))
        await edge.observer.wait_for_ended(already + 3)
        protocol.connection_lost(None)

        assert edge.observer.reasons[already:] == ["overloaded", "overloaded", "accepted"], cut
        assert [write[9:12] for write in wire.writes] == [b"503", b"503", b"200"], cut
    assert {delivery.body for delivery in edge.handler.deliveries} == {b"[1]"}


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and why it is refused, where the handler is asked."""

    data: bytes
    screened: Reason | None = Reason.OVERLOADED
    to_head: bool = False


CASES = {
    "deferred": Case(post()),
    "deferred, by an account's path": Case(post(path=b"/webhooks/sofy/accounts/acme")),
    "deferred, its path encoded": Case(post(path=b"/webhooks/sofy/%74oken")),
    "deferred, with a query": Case(post(path=b"/webhooks/sofy/token?a=b")),
    "deferred, by an absolute target": Case(post(path=b"http://relay/webhooks/sofy/token")),
    "deferred, asked to close": Case(post(headers=b"connection: close\r\n")),
    "deferred, in HTTP/1.0": Case(post().replace(b"HTTP/1.1", b"HTTP/1.0")),
    "deferred, waits for continue": Case(request(b"POST", headers=b"content-length: 2\r\nexpect: 100-continue\r\n")),
    "deferred, asks for an upgrade": Case(post(headers=b"connection: upgrade\r\nupgrade: h2c\r\n")),
    "deferred, without a body": Case(post(b"")),
    "deferred, too long to pass over": Case(request(b"POST", headers=b"content-length: %d\r\n" % LONG)),
    "deferred, chunked": Case(request(b"POST", headers=b"transfer-encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n\r\n"),
    "wrong token": Case(post(), screened=Reason.UNKNOWN_TOKEN),
    "unsigned": Case(post(), screened=Reason.MISSING_SIGNATURE),
    "accepted": Case(post(), screened=None),
    "no such path": Case(post(path=b"/nowhere")),
    "wrong method": Case(request(b"PUT", headers=b"content-length: 0\r\n")),
    "probe": Case(request(b"GET")),
    "probe of the head": Case(request(b"HEAD"), to_head=True),
    "encoded": Case(post(headers=b"content-encoding: gzip\r\n")),
    "too large": Case(request(b"POST", headers=b"content-length: 999999999\r\n")),
    "no length": Case(request(b"POST", headers=b"content-length: x\r\n")),
    "two lengths": Case(post(headers=b"content-length: 3\r\n")),
    "no host": Case(post().replace(b"host: relay\r\n", b"")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_every_request_is_answered_and_counted_as_it_would_be_otherwise(edge: Edge, case: Case) -> None:
    edge.handler.screened = case.screened

    usual, ended = await asked(edge, case)
    await deferring(edge)
    meanwhile, ended_meanwhile = await asked(edge, case)

    assert meanwhile == usual
    assert ended_meanwhile == ended


async def asked(edge: Edge, case: Case) -> tuple[Received, Ended]:
    """Send a request; give the answer without what differs each time, and how it was counted."""
    already = len(edge.observer.ended)
    async with connect(edge.port) as connection:
        await connection.send(case.data)
        answer = await connection.answer(to_head=case.to_head)
        await edge.observer.wait_for_ended(already + 1)
    assert answer.headers.pop("x-request-id")
    answer.headers.pop("retry-after", None)
    return answer, edge.observer.ended[-1]


async def test_who_comes_in_one_turn_of_the_loop_is_judged_behind_those_that_passed(edge: Edge) -> None:
    """Their tasks have not run: without that count all would pass for the room there is for the first of them."""
    await deferring(edge)
    edge.handler.behind.clear()
    protocols = [wired(edge)[0] for _ in range(3)]

    for protocol in protocols:
        protocol.data_received(post())
    in_one_turn = list(edge.handler.behind)
    await edge.observer.wait_for_ended(4)
    edge.handler.behind.clear()
    protocols[0].data_received(post())
    in_the_next = list(edge.handler.behind)
    await edge.observer.wait_for_ended(5)
    for protocol in protocols:
        protocol.connection_lost(None)

    assert (in_one_turn, in_the_next) == ([0, 1, 2], [0])
    assert edge.observer.reasons[1:] == ["accepted"] * 4


async def test_who_is_believed_again_is_heard(edge: Edge) -> None:
    await deferring(edge)

    async with connect(edge.port) as connection:
        first = await connection.ask(post(b"[1]"))
        second = await connection.ask(post(b"[2]"))

    assert (first.status, second.status) == (200, 200)
    assert [delivery.body for delivery in edge.handler.deliveries] == [b"[1]", b"[2]"]


async def test_behind_a_request_that_waits_for_its_answer_none_overtakes_it(edge: Edge) -> None:
    await deferring(edge)
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post())
        await edge.handler.wait_for_deliveries(1)
        edge.handler.screened = Reason.OVERLOADED
        await deferring(edge)
        await connection.send(post() + post())
        edge.handler.gate.set()
        statuses = [(await connection.answer()).status for _ in range(3)]

    assert statuses == [200, 503, 503]


async def test_a_fault_of_ours_is_answered_as_one(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    await deferring(edge)
    monkeypatch.setattr(edge.handler, "screen", lambda _claim: 1 / 0)

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())

    assert (answer.status, answer.error) == (503, "internal_error")
    assert edge.observer.started == len(edge.observer.ended) == 2


@pytest.mark.parametrize("sent", [b"", b"x"])
async def test_its_body_must_come_by_the_requests_deadline(serve: ServeEdge, sent: bytes) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.handler.screened = Reason.OVERLOADED
    await deferring(edge)

    async with connect(edge.port) as connection:
        answer = await connection.ask(request(b"POST", headers=b"content-length: 5\r\n") + sent)
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (503, False, b"")
    assert edge.observer.ended == [DEFERRED, DEFERRED]


async def test_its_body_holds_a_drain_up_until_its_deadline_at_most(serve: ServeEdge) -> None:
    edge = await serve(answer_within_s=0.3)
    edge.handler.screened = Reason.OVERLOADED
    await deferring(edge)

    async with connect(edge.port) as connection:
        await connection.ask(request(b"POST", headers=b"content-length: 5\r\n"))
        edge.server.stop_accepting()
        await asyncio.wait_for(edge.server.drain(60.0, idle_grace_s=0.0), timeout=10.0)

    assert edge.server.connections == 0


async def test_while_draining_its_answer_closes_the_connection(edge: Edge) -> None:
    edge.handler.screened = Reason.OVERLOADED
    await deferring(edge)
    edge.draining = True

    async with connect(edge.port) as connection:
        answer = await connection.ask(post())
        rest = await connection.rest()

    assert (answer.status, answer.closes, rest) == (503, True, b"")


async def test_a_connection_that_is_to_retire_closes_with_its_next_answer(edge: Edge) -> None:
    edge.handler.screened = Reason.OVERLOADED
    await deferring(edge)
    protocol, wire = wired(edge)

    protocol.data_received(post())
    protocol.retire()
    protocol.data_received(post())
    await edge.observer.wait_for_ended(3)
    protocol.connection_lost(None)

    assert [b"connection: close" in write for write in wire.writes] == [False, True]
