"""A connection without a network: what is fed to the protocol, and each write that it makes."""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from relay.http.arrival import Refusals
from relay.http.protocol import BoundedProtocol, ConnectionBounds
from tests.http.edge import Edge


class Wire(asyncio.Transport):
    """A transport that remembers every write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""

    def write_eof(self) -> None:
        """Nobody reads."""

    def pause_reading(self) -> None:
        """Nobody sends by itself."""

    def resume_reading(self) -> None:
        """Nobody sends by itself."""

    def get_extra_info(self, _name: str, default: Any = None) -> Any:  # noqa: ANN401 - the standard library's signature
        return default


def wired(edge: Edge) -> tuple[BoundedProtocol, Wire]:
    """Give a connection to the edge's webhook, and its wire. The running loop's."""
    config = Config(edge.webhook, loop="none", ws="none", lifespan="off", interface="asgi3", log_config=None)
    config.load()
    bounds = ConnectionBounds(edge.bounds.answer_within_s, edge.bounds.keep_alive_s)
    loop = asyncio.get_running_loop()
    refusals = Refusals(edge.webhook.refuse_unheard, edge.webhook.refuse_by_head)
    protocol = BoundedProtocol(config, ServerState(), loop, bounds, refusals)
    wire = Wire()
    protocol.connection_made(wire)
    return protocol, wire
