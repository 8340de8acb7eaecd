"""A run of the simulator, in its order: listen, send, wait for the last webhook, settle."""

import asyncio
import random
import socket
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import uvloop
from rich.console import Console

from relay.simulator.attempts import Observers
from relay.simulator.courses import Version
from relay.simulator.faults import Fault
from relay.simulator.ledger import Bookkeeper, Ledger
from relay.simulator.poster import Poster
from relay.simulator.progress import Gauge, Sight, showing
from relay.simulator.registrations import Registration
from relay.simulator.rest import Rest
from relay.simulator.schedule import ReplaySchedule
from relay.simulator.server import serving
from relay.simulator.sofy import Sofy, Ways
from relay.simulator.stopping import run_until, stopping_on_signals

TARGET_ACCOUNT: Final = "target"
STOP_WITHIN_S: Final = 5.0
"""How long attempts under way may take after a signal: Sofy's 4 s for an answer, and some."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks of a run."""

    target: str | None = field(default=None, repr=False)
    """A URL that needs no registration; None: registrations made through the REST only."""
    secret: str | None = field(default=None, repr=False)
    """Signs the webhooks to `target`."""
    rate: float | None = None
    """Invented SMS a second; None: none."""
    count: int | None = None
    """How many SMS are invented, after which the run ends; None: until a signal."""
    time_scale: float = 1.0
    schedule: ReplaySchedule = field(default_factory=ReplaySchedule)
    faults: Mapping[Fault, float] = field(default_factory=dict)
    seed: int | None = None


def run(order: Order, listener: socket.socket | None, console: Console) -> Ledger:
    """Run to the end, which `order.count`, SIGINT or SIGTERM brings; a second signal skips the ledger.

    `listener` is for the REST; None: without. Progress goes to `console`.

    Raises:
        KeyboardInterrupt: a second signal.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_run(order, listener, console))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _run(order: Order, listener: socket.socket | None, console: Console) -> Ledger:
    stop = asyncio.Event()
    with stopping_on_signals(stop):
        async with Poster() as poster:
            return await _Run(order, poster).play(stop, listener, console)


class _Run:
    def __init__(self, order: Order, poster: Poster) -> None:
        self._order = order
        self._books = Bookkeeper()
        self._gauge = Gauge(time.monotonic)
        ways = Ways(
            seed=random.SystemRandom().getrandbits(64) if order.seed is None else order.seed,
            time_scale=order.time_scale,
            schedule=order.schedule,
            faults=order.faults,
        )
        self._sofy = Sofy(poster, Observers([self._books, self._gauge]), ways, clock=time.time)
        if order.target is not None:
            self._sofy.registrations.add(self._target(order.target, order.secret))

    async def play(self, stop: asyncio.Event, listener: socket.socket | None, console: Console) -> Ledger:
        """Give the ledger."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._sofy.running())
            if listener is not None:
                await stack.enter_async_context(serving(Rest(self._sofy).app(), listener))
            await stack.enter_async_context(showing(console, self._look))
            if not await run_until(stop, self._send()):
                await self._sofy.engine.stop(STOP_WITHIN_S)
        return self._books.ledger()

    async def _send(self) -> None:
        """Return once all that was asked for has been sent and has come to its end; without a count never."""
        if self._order.rate is not None:
            await self._sofy.invent_at(self._order.rate, self._order.count)
        if self._order.count is None:
            await asyncio.Event().wait()
        await self._sofy.engine.idle()

    def _look(self) -> Sight:
        engine = self._sofy.engine
        return Sight(self._books.ledger(), self._gauge.snapshot(), engine.outstanding, engine.full)

    def _target(self, url: str, secret: str | None) -> Registration:
        return Registration(
            id=self._sofy.new_id(),
            account=TARGET_ACCOUNT,
            version=Version.V1 if secret is None else Version.V2,
            url=url,
            created_at=self._sofy.now(),
            secret=secret,
        )
