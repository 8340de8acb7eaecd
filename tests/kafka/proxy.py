"""A network between a client and a broker that a test makes slow, deaf, mute, or cuts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from types import TracebackType
from typing import Self

from tests.kafka.broker import Ports, RealBroker
from tests.kafka.jars import Installation
from tests.kafka.ports import free_ports

_CHUNK = 64 * 1024


class Network(StrEnum):
    """What becomes of bytes; a change holds for the connections that are there, too."""

    FORWARD = "forward"
    HALF_OPEN = "half_open"
    """Connections are taken and never closed; nothing goes either way."""
    SWALLOW_ANSWERS = "swallow_answers"
    """What the client says arrives; what the broker answers does not."""
    REFUSE = "refuse"
    """No new connection is taken, and those that are there are reset."""


class Proxy:
    """Listens on 127.0.0.1 and passes on to another port there. In the event loop that entered it."""

    def __init__(self, target: int, port: int = 0) -> None:
        """Take the port behind it, and its own (0: any)."""
        self.target = target
        """May be changed: for connections from then on."""
        self.port = port
        self.delay_s = 0.0
        """How long everything takes, each way."""
        self.connections = 0
        """How many were taken so far."""
        self._network = Network.FORWARD
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next round

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def network(self) -> Network:
        """What becomes of bytes at the moment."""
        return self._network

    @network.setter
    def network(self, network: Network) -> None:
        self._network = network
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if network is Network.REFUSE:
            self.cut()

    def cut(self) -> None:
        """Reset every connection that is there; new ones are taken."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        if self._network is Network.REFUSE:
            writer.transport.abort()
            return
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, behind_writer}
        ways = [
            asyncio.create_task(self._pass(reader, behind_writer, deaf=frozenset({Network.HALF_OPEN}))),
            asyncio.create_task(
                self._pass(behind_reader, writer, deaf=frozenset({Network.HALF_OPEN, Network.SWALLOW_ANSWERS}))
            ),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= {writer, behind_writer}
            for end in (writer, behind_writer):
                end.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, deaf: frozenset[Network]
    ) -> None:
        """Pass bytes on, each after the delay, until one side ends; drop or hold what the network takes away."""
        later: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        clock = asyncio.get_running_loop().time

        async def write() -> None:
            while True:
                due, chunk = await later.get()
                await asyncio.sleep(max(0.0, due - clock()))
                while Network.HALF_OPEN in deaf and self._network is Network.HALF_OPEN:
                    await self._changed.wait()
                writer.write(chunk)
                await writer.drain()

        writing = asyncio.create_task(write())
        try:
            with contextlib.suppress(ConnectionError):
                while chunk := await reader.read(_CHUNK):
                    if self._network is Network.SWALLOW_ANSWERS and Network.SWALLOW_ANSWERS in deaf:
                        continue
                    later.put_nowait((clock() + self.delay_s, chunk))
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


@asynccontextmanager
async def broker_behind_a_proxy(installation: Installation) -> AsyncIterator[tuple[RealBroker, Proxy, str]]:
    """Give a started broker, the proxy before it, and an address that goes around the proxy for the test itself.

    The broker advertises the proxy's port to whoever comes through it.
    """
    direct, hidden, controller = free_ports(3)
    async with Proxy(hidden) as proxy:
        listeners = f"DIRECT://127.0.0.1:{direct},PROXIED://127.0.0.1:"
        broker = RealBroker(
            installation,
            ports=Ports(direct, controller),
            properties={
                "listeners": f"{listeners}{hidden},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"{listeners}{proxy.port}",
                "listener.security.protocol.map": "DIRECT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "DIRECT",
            },
        )
        try:
            await asyncio.to_thread(broker.start)
            yield broker, proxy, broker.bootstrap_servers
        finally:
            await asyncio.to_thread(broker.close)
