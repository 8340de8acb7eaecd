"""A tap on the line between a client and a broker: counts the requests by their kind, and takes some away."""

import asyncio
import contextlib
from collections import Counter
from enum import IntEnum
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024


class Api(IntEnum):
    """Kafka's number of a request."""

    PRODUCE = 0
    METADATA = 3


class Tap:
    """Listens on a port of 127.0.0.1 and passes whole requests on to another. In the event loop that entered it."""

    def __init__(self, target: int) -> None:
        self.target = target
        """Of connections from now on."""
        self.port = 0
        self.requests: Counter[int] = Counter()
        """How many came, by `Api`; those that were taken away too."""
        self.taken_away: set[Api] = set()
        """These requests never arrive; nobody is told."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next round

    def forget(self) -> None:
        """Count from zero, and take nothing away."""
        self.requests.clear()
        self.taken_away.clear()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._pass_requests(reader, behind_writer)),
            asyncio.create_task(self._pass_answers(behind_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, behind_writer):
                end.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                request = await reader.readexactly(int.from_bytes(size))
                kind = int.from_bytes(request[:2])
                self.requests[kind] += 1
                if kind not in self.taken_away:
                    writer.write(size + request)
                    await writer.drain()

    async def _pass_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
