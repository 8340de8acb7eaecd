"""Shutdown over TCP: stop accepting, answer what is there, be gone in time."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from tests.http.client import connect, post, request
from tests.http.conftest import ServeEdge
from tests.http.edge import Edge

LIMIT_S = 5.0


async def test_a_request_that_waits_for_kafka_is_answered_and_its_connection_closed(edge: Edge) -> None:
    edge.handler.gate.clear()

    async with connect(edge.port) as connection:
        await connection.send(post())
        await edge.handler.wait_for_deliveries(1)
        edge.draining = True
        edge.server.stop_accepting()
        draining = asyncio.create_task(edge.server.drain(LIMIT_S, idle_grace_s=0.0))
        await asyncio.sleep(0)
        edge.handler.gate.set()
        answer = await connection.answer()
        rest = await connection.rest()
        await draining

    assert (answer.status, answer.closes, rest) == (200, True, b"")
    assert edge.server.connections == 0


async def test_nobody_new_is_accepted_and_those_that_are_there_are_served(edge: Edge) -> None:
    port = edge.port
    async with connect(port) as connection:
        await connection.ask(post())
        edge.server.stop_accepting()
        answer = await connection.ask(post())

        with pytest.raises(ConnectionRefusedError):
            async with connect(port):
                pass

    assert answer.status == 200


async def test_a_request_put_on_an_idle_connection_during_the_drain_is_answered_not_reset(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        await connection.ask(post())
        edge.server.stop_accepting()
        draining = asyncio.create_task(edge.server.drain(LIMIT_S))
        await asyncio.sleep(0.1)
        answer = await connection.ask(post())
        rest = await connection.rest()
        await draining

    assert (answer.status, answer.closes, rest) == (200, True, b"")


async def test_idle_connections_do_not_hold_the_drain_up(edge: Edge) -> None:
    async with connect(edge.port) as fresh, connect(edge.port) as pooled:
        await pooled.ask(post())
        edge.server.stop_accepting()
        await asyncio.wait_for(edge.server.drain(60.0, idle_grace_s=0.1), timeout=10.0)
        rests = [await fresh.rest(), await pooled.rest()]

    assert rests == [b"", b""]


@pytest.mark.parametrize(
    "sent",
    [b"POST /webhooks", request(b"POST", headers=b"content-length: 50\r\n") + b"{"],
    ids=["half a head", "half a body"],
)
async def test_slow_clients_are_refused_at_their_deadline_and_the_drain_ends(serve: ServeEdge, sent: bytes) -> None:
    edge = await serve(answer_within_s=0.3)

    async with connect(edge.port) as connection:
        await connection.send(sent)
        await asyncio.sleep(0.05)
        edge.server.stop_accepting()
        draining = asyncio.create_task(edge.server.drain(60.0, idle_grace_s=0.0))
        answer = await connection.answer()
        await asyncio.wait_for(draining, timeout=10.0)

    assert (answer.status, answer.closes) == (408, True)
    assert edge.server.connections == 0


async def test_at_its_limit_the_drain_drops_what_is_left_and_nobody_reads_a_500(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    edge.handler.gate.clear()
    edge.handler.heeds_deadline = False

    async with connect(edge.port) as connection:
        await connection.send(post())
        await edge.handler.wait_for_deliveries(1)
        edge.server.stop_accepting()
        await asyncio.wait_for(edge.server.drain(0.2, idle_grace_s=0.0), timeout=10.0)
        rest = await connection.rest()
        await edge.observer.wait_for_ended(1)

    assert rest == b""
    assert edge.observer.reasons == ["draining"]
    assert caplog.records == []


async def test_a_client_that_reads_nothing_does_not_hold_the_drain_up(edge: Edge) -> None:
    async with connect(edge.port) as connection:
        connection.writer.write(request(b"GET", b"/nowhere") * 50_000)
        await edge.observer.wait_for_ended(1)
        edge.server.stop_accepting()
        await asyncio.wait_for(edge.server.drain(1.0, idle_grace_s=0.0), timeout=10.0)

        assert edge.server.connections == 0


async def test_a_drain_with_nobody_there_is_over_at_once_and_may_come_twice(edge: Edge) -> None:
    edge.server.stop_accepting()
    edge.server.stop_accepting()

    await asyncio.wait_for(edge.server.drain(60.0), timeout=10.0)
    await asyncio.wait_for(edge.server.drain(60.0), timeout=10.0)

    assert edge.server.connections == 0


async def test_who_was_connected_and_not_yet_accepted_when_the_port_closed_is_answered_not_reset(edge: Edge) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", edge.port))) for _ in range(20)]
        for client in clients:
            client.sendall(post())

        edge.server.stop_accepting()  # before the loop has turned: the kernel alone knows of them
        draining = asyncio.create_task(edge.server.drain(LIMIT_S, idle_grace_s=0.0))
        answers = await asyncio.gather(*(asyncio.to_thread(client.recv, 65536) for client in clients))
        await draining

    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 20
    assert edge.server.connections == 0
