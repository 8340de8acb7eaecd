"""The relay's replicas as processes, and the balancing of a Kubernetes Service before them."""

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

from yarl import URL

from relay.simulator.poster import Answer, Poster, Trouble
from tests.chaos.history import History, Out
from tests.end_to_end.relay_process import RelayProcess

EXIT_WITHIN_S: Final = 20.0
"""The promise: gone so long after SIGTERM at the latest."""
PROPAGATION_S: Final = 0.5
"""What a preStop pause is for: from leaving the Service to SIGTERM."""
_HOST: Final = "service"


class Replica:
    """One replica: a process after another on the same ports. Within one event loop."""

    def __init__(self, name: str, process: RelayProcess, history: History) -> None:
        self.name = name
        self.process = process
        self.serving = False
        """Whether the Service sends it anything."""
        self.exits: list[tuple[float, int]] = []
        """Of each SIGTERM: how many seconds to the end, and the exit status; -1: it had to be killed."""
        self._history = history
        self._generation = 1
        self._away: float | None = time.monotonic()

    @property
    def place(self) -> str:
        """This process, by name."""
        return f"{self.name}#{self._generation}"

    async def begin(self) -> None:
        """Serve once the first process is ready."""
        await self.process.ready(60.0)
        self._back()

    async def kill(self) -> None:
        """SIGKILL, and another process at once; returns when that is ready."""
        self._gone()
        self.process.signal(signal.SIGKILL)
        await self.process.exit_status(EXIT_WITHIN_S)
        await self._again()

    async def roll(self) -> None:
        """Leave the Service, SIGTERM, and another process; returns when that is ready."""
        self.serving = False
        await asyncio.sleep(PROPAGATION_S)
        await self.end()
        await self._again()

    async def end(self) -> None:
        """SIGTERM, and wait for its end."""
        self.serving = False
        started = time.monotonic()
        self.process.signal(signal.SIGTERM)
        try:
            status = await self.process.exit_status(EXIT_WITHIN_S)
        except Exception:  # noqa: BLE001 - subprocess' own, of no other kind
            status = -1
            self.process.signal(signal.SIGKILL)
            await self.process.exit_status(EXIT_WITHIN_S)
        self.exits.append((time.monotonic() - started, status))

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """SIGSTOP for the length of the block. The Service goes on to send: nobody has noticed yet."""
        self._away = time.monotonic()
        self.process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.signal(signal.SIGCONT)
            self._history.out.append(Out(self.place, self._away, time.monotonic()))
            self._away = None

    async def _again(self) -> None:
        self.process.spawn()
        await self.process.ready(60.0)
        self._generation += 1
        self._back()

    def _gone(self) -> None:
        self.serving = False
        if self._away is None:
            self._away = time.monotonic()
        self._history.out.append(Out(self.place, self._away, float("inf")))

    def _back(self) -> None:
        self._away = None
        self.serving = True


class Service(Poster):
    """A poster whose URLs lead to whichever replica serves, in turn, as a Service does.

    A connection that is refused was sent nothing, so the next replica is tried at once.
    """

    def __init__(self, replicas: list[Replica], *, connections: int) -> None:
        super().__init__(connections=connections)
        self._replicas = replicas
        self._turns = itertools.count()
        self._places: WeakKeyDictionary[asyncio.Task[object], str] = WeakKeyDictionary()

    @property
    def place(self) -> str:
        """Which process took the last attempt of the current task; empty: none."""
        task = asyncio.current_task()
        return "" if task is None else self._places.get(task, "")

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, within_s: float | None = None
    ) -> Answer | Trouble:
        """Post to a replica; see `Poster`."""
        result: Answer | Trouble = Trouble.REFUSED
        for _ in self._replicas:
            replica = self._next()
            if replica is None:
                self._note("")
                return Trouble.REFUSED
            self._note(replica.place)
            address = URL(url).with_host("127.0.0.1").with_port(replica.process.webhook_port)
            result = await super().post(str(address), headers, body, within_s=within_s)
            if result is not Trouble.REFUSED:
                return result
        return result

    def _next(self) -> Replica | None:
        start = next(self._turns)
        turn = (self._replicas[(start + offset) % len(self._replicas)] for offset in range(len(self._replicas)))
        return next((replica for replica in turn if replica.serving), None)

    def _note(self, place: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._places[task] = place


def service_url(path: str) -> str:
    """Give the URL that a `Service` takes for its own."""
    return f"http://{_HOST}{path}"


@asynccontextmanager
async def replicas(count: int, make: Callable[[], RelayProcess], history: History) -> AsyncIterator[list[Replica]]:
    """Start so many, each ready; end them with the block, however it ends."""
    async with AsyncExitStack() as stack:
        made = []
        for name in "abcdef"[:count]:
            process = await stack.enter_async_context(make())
            made.append(Replica(name, process, history))
        await asyncio.gather(*(replica.begin() for replica in made))
        yield made
        with contextlib.suppress(ProcessLookupError):
            for replica in made:
                replica.process.signal(signal.SIGCONT)
