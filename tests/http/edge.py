"""The public port as the tests see it: a real server on a free port, with fakes behind it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Final

from starlette.types import Receive, Scope, Send

from relay.http.arrival import Refusals
from relay.http.protocol import ConnectionBounds
from relay.http.servers import HttpServer, listen
from relay.http.webhook import Sources, Webhook, WebhookBounds
from tests.http.fakes import FakeHandler, FakeObserver

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one test, in their settings' units; roomy, so that none strikes by chance."""

    base_path: str = ""
    max_body_bytes: int = 1024 * 1024
    answer_within_s: float = 3.0
    keep_alive_s: float = 75.0


@dataclass(slots=True)
class Edge:
    """A running public port."""

    bounds: Bounds
    handler: FakeHandler = field(default_factory=FakeHandler)
    observer: FakeObserver = field(default_factory=FakeObserver)
    draining: bool = False
    listener: socket.socket = field(init=False)
    server: HttpServer = field(init=False)
    webhook: Webhook = field(init=False)
    ids: int = 0

    def __post_init__(self) -> None:
        bounds = self.bounds
        self.webhook = Webhook(
            self.handler,
            self.observer,
            WebhookBounds(bounds.base_path, bounds.max_body_bytes, bounds.answer_within_s),
            Sources(lambda: NOW, self._next_id, Random(4), lambda: self.draining),  # noqa: S311 - jitter, no secret
        )
        self.listener = listen("127.0.0.1", 0, setting="RELAY_HTTP")
        self.server = HttpServer(
            self.webhook,
            self.listener,
            ConnectionBounds(bounds.answer_within_s, bounds.keep_alive_s),
            Refusals(self.webhook.refuse_unheard, self.webhook.refuse_by_head),
        )

    @property
    def port(self) -> int:
        return self.server.port

    def _next_id(self) -> str:
        self.ids += 1
        return f"request-{self.ids}"


def bounds(**changes: str | float) -> Bounds:
    """Give the roomy bounds with `changes`."""
    return replace(Bounds(), **changes)  # type: ignore[arg-type]  # replace() checks names, not the mixed values


@asynccontextmanager
async def answering_unread(edge: Edge, *, answer_within_s: float) -> AsyncIterator[int]:
    """Serve an application that answers without reading, as the admin port's does; give its port."""

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    listener = listen("127.0.0.1", 0, setting="RELAY_ADMIN")
    server = HttpServer(
        answer, listener, ConnectionBounds(answer_within_s, 75.0), Refusals(edge.webhook.refuse_unheard)
    )
    await server.start()
    yield server.port
    server.stop_accepting()
    await server.drain(2.0, idle_grace_s=0.0)
