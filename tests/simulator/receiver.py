"""A receiver of webhooks on a real socket that answers as a script says, well or badly."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Received:
    """One complete request."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """The number of the connection that it came on."""


@dataclass(frozen=True)
class Reply:
    """Bytes to write, then what to do with the connection."""

    content: bytes
    then: str = "keep"
    """`keep` it for the next request, `close` it, `hang`: say nothing more, or `trickle`: a byte now and then."""


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Reply("\r\n".join([*lines, "", ""]).encode() + body)


HANG = Reply(b"", "hang")
CLOSE = Reply(b"", "close")


class Receiver:
    """Listens while its context is entered."""

    def __init__(self, script: Callable[[Received], Reply] = lambda _: answer(200)) -> None:
        self._script = script
        self._connections = 0
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self.received: list[Received] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/sofy/token"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A connection being accepted while its server closes is lost with a noise: let those be accepted first.
        for _ in range(5):
            await asyncio.sleep(0)
        self._server.close()
        tasks = [task for task in self._serving.values() if task is not None]
        for writer in self._serving:
            writer.close()
        if tasks:
            await asyncio.wait(tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        self._serving[writer] = asyncio.current_task()
        try:
            while await self._exchange(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._serving[writer]
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(head.split()[1], headers, body, number)
        self.received.append(request)
        reply = self._script(request)
        writer.write(reply.content)
        await writer.drain()
        if reply.then == "hang":
            await reader.read()  # until the other side gives up
        while reply.then == "trickle":  # until writing fails
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
        return reply.then == "keep"
