"""The relay's replicas as processes, and the balancing of a Kubernetes Service before them."""

import asyncio
import contextlib
import itertools
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from weakref import WeakKeyDictionary

import httpx
from yarl import URL

from relay.simulator.poster import Answer, Poster, Trouble
from tests.chaos.history import History, Out
from tests.end_to_end.relay_process import RelayProcess

EXIT_WITHIN_S: Final = 20.0
"""The promise: gone so long after SIGTERM at the latest."""
PROPAGATION_S: Final = 0.5
"""What a preStop pause is for: from leaving the Service to SIGTERM."""
_KILL_AFTER_S: Final = EXIT_WITHIN_S + 10.0
_READY_WITHIN_S: Final = 60.0
_PROBE_EVERY_S: Final = 0.2
_PROBE_LIMIT_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.02
_HOST: Final = "service"


class Replica:
    """One replica: a process after another on the same ports. Within one event loop; one order at a time."""

    def __init__(self, name: str, process: RelayProcess, history: History) -> None:
        self.name = name
        self.process = process
        self.exits: list[tuple[float, int]] = []
        """Of each SIGTERM: how many seconds to the end, and the exit status; -1: it had to be killed."""
        self._history = history
        self._generation = 1
        self._leaving = False
        self._ready = False

    @property
    def place(self) -> str:
        """This process, by name."""
        return f"{self.name}#{self._generation}"

    @property
    def port(self) -> int:
        """Where webhooks are posted to, for every process of it."""
        return self.process.webhook_port

    @property
    def serving(self) -> bool:
        """Whether the Service sends it anything: its last probe was good, and it is not about to be ended."""
        return self._ready and not self._leaving

    async def probe(self) -> None:
        """Ask `/readyz` over and over, as a kubelet does, until cancelled."""
        while True:
            self._ready = await self._answers_ready()
            await asyncio.sleep(_PROBE_EVERY_S)

    async def begin(self) -> None:
        """Return once the present process is ready, and a probe has found it so."""
        await self.process.ready(_READY_WITHIN_S)
        while not self._ready:
            await asyncio.sleep(_LOOK_EVERY_S)

    async def kill(self) -> None:
        """SIGKILL, and another process as soon as a probe has failed; returns when that is ready."""
        self._history.out.append(Out(self.place, time.monotonic(), float("inf")))
        self.process.signal(signal.SIGKILL)
        await self.process.exit_status(_KILL_AFTER_S)
        await self._again()

    async def roll(self) -> None:
        """Leave the Service, SIGTERM, and another process; returns when that is ready."""
        self._leaving = True
        await asyncio.sleep(PROPAGATION_S)
        await self.end()
        await self._again()
        self._leaving = False

    async def end(self) -> None:
        """SIGTERM, and wait for its end."""
        self._leaving = True
        started = time.monotonic()
        self.process.signal(signal.SIGTERM)
        try:
            status = await self.process.exit_status(_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            status = -1
            self.process.signal(signal.SIGKILL)
            await self.process.exit_status(_KILL_AFTER_S)
        self.exits.append((time.monotonic() - started, status))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """SIGSTOP for the length of the block. The Service goes on to send until a probe has failed."""
        since = time.monotonic()
        self.process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.signal(signal.SIGCONT)
            self._history.out.append(Out(self.place, since, time.monotonic()))

    async def _again(self) -> None:
        while self._ready:  # what is sent until then goes to the dead one, and must not be taken for its successor's
            await asyncio.sleep(_LOOK_EVERY_S)
        self._generation += 1
        self.process.spawn()
        await self.begin()

    async def _answers_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await self.process.admin.get("/readyz", timeout=_PROBE_LIMIT_S)).status_code == httpx.codes.OK
        return False


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An attempt: who took it, and what it came to."""

    place: str
    result: Answer | Trouble | None


class Endpoint(Protocol):
    """Where a `Service` may send to: a `Replica`."""

    @property
    def place(self) -> str:
        """Which process is there at present."""

    @property
    def port(self) -> int:
        """On 127.0.0.1."""

    @property
    def serving(self) -> bool:
        """Whether it may be sent to."""


class Service(Poster):
    """A poster whose URLs lead to whichever replica serves, in turn. What one did not answer, only Sofy tries again."""

    def __init__(self, replicas: Sequence[Endpoint], *, connections: int) -> None:
        super().__init__(connections=connections)
        self._replicas = replicas
        self._turns = itertools.count()
        self._exchanges: WeakKeyDictionary[asyncio.Task[object], _Exchange] = WeakKeyDictionary()

    @property
    def place(self) -> str:
        """Which process took the last attempt of the current task; empty: none served."""
        exchange = self._of_this_task()
        return "" if exchange is None else exchange.place

    @property
    def answer(self) -> Answer | Trouble | None:
        """What the last attempt of the current task came to, whatever Sofy made of it."""
        exchange = self._of_this_task()
        return None if exchange is None else exchange.result

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, within_s: float | None = None
    ) -> Answer | Trouble:
        """Post to the replica whose turn it is; see `Poster`."""
        replica = self._next()
        if replica is None:
            self._note(_Exchange("", Trouble.UNREACHABLE))
            return Trouble.UNREACHABLE
        place = replica.place  # before anything is awaited: afterwards it may be another process
        self._note(_Exchange(place, None))
        address = URL(url).with_host("127.0.0.1").with_port(replica.port)
        result = await super().post(str(address), headers, body, within_s=within_s)
        self._note(_Exchange(place, result))
        return result

    def _next(self) -> Endpoint | None:
        start, count = next(self._turns), len(self._replicas)
        turn = (self._replicas[(start + offset) % count] for offset in range(count))
        return next((replica for replica in turn if replica.serving), None)

    def _note(self, exchange: _Exchange) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._exchanges[task] = exchange

    def _of_this_task(self) -> _Exchange | None:
        task = asyncio.current_task()
        return None if task is None else self._exchanges.get(task)


def service_url(path: str) -> str:
    """Give the URL that a `Service` takes for its own."""
    return f"http://{_HOST}{path}"


@asynccontextmanager
async def replicas(count: int, make: Callable[[], RelayProcess], history: History) -> AsyncIterator[list[Replica]]:
    """Start so many, each ready and probed; end them with the block, however it ends."""
    async with AsyncExitStack() as stack:
        made = [Replica(name, await stack.enter_async_context(make()), history) for name in "abcdef"[:count]]
        probes = [asyncio.create_task(replica.probe()) for replica in made]
        try:
            await asyncio.gather(*(replica.begin() for replica in made))
            yield made
        finally:
            for probe in probes:
                probe.cancel()
            await asyncio.wait(probes)
