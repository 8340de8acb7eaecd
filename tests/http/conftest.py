"""The edge is tested on the loop that it runs on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from tests.http.edge import Edge, bounds

ServeEdge = Callable[..., Awaitable[Edge]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[ServeEdge]:
    """Starts public ports with the bounds asked for, and takes them down with the test."""
    edges: list[Edge] = []

    async def start(**changes: str | float) -> Edge:
        edge = Edge(bounds(**changes))
        edges.append(edge)
        await edge.server.start()
        return edge

    yield start
    for edge in edges:
        edge.handler.gate.set()
        edge.server.stop_accepting()
        await edge.server.drain(2.0, idle_grace_s=0.0)


@pytest.fixture
async def edge(serve: ServeEdge) -> Edge:
    """One public port with roomy bounds."""
    return await serve()
