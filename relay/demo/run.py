"""A demo run, in its order: set up, send, stop sending, wait for the answers, read to the end, settle."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final

import uvloop

from relay.demo.board import Board
from relay.demo.facts import fact_of_status_record, letter_fact
from relay.demo.ledger import Books, Ledger
from relay.demo.reading import Found, ReadingError, TopicsReader
from relay.demo.screen import Screen
from relay.demo.stage import Stage, stage
from relay.demo.view import Guide
from relay.demo.ways import ITEMS_PER_SMS, demo_ways
from relay.demo.witness import Witness
from relay.events.record import Destination
from relay.simulator.poster import Poster
from relay.simulator.sofy import Sofy
from relay.simulator.stopping import run_until, stopping_on_signals

CONNECTIONS: Final = 32
"""Posts at the same time, each on a connection that is kept."""
_ANSWERS_WITHIN_S: Final = 8.0
"""How long outstanding webhooks and their replays may take at the end."""
_READ_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks of a run."""

    seconds: float | None
    """How long Sofy sends; None: until a signal."""
    kafka: str | None
    """`host:port` of real brokers; None: the embedded one."""
    rate: float
    """Items a second."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended."""

    ledger: Ledger
    trouble: str
    """Why the ledger cannot be trusted, in one sentence; empty when it can."""

    @property
    def good(self) -> bool:
        """Whether everything that was answered 2xx was found."""
        return not self.ledger.lost and not self.trouble


def run(order: Order, screen: Screen) -> Result:
    """Run a demo to its end, which `order.seconds`, SIGINT or SIGTERM begins; a second signal skips the ledger.

    Raises:
        relay.demo.stage.DemoError: it could not begin.
        KeyboardInterrupt: a second signal.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_run(order, screen))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _run(order: Order, screen: Screen) -> Result:
    stop = asyncio.Event()
    with stopping_on_signals(stop):
        async with stage(order.kafka, screen.say) as set_up:
            return await _Run(order, screen, set_up, stop).play()


class _Run:
    """One run on a stage."""

    def __init__(self, order: Order, screen: Screen, on: Stage, stop: asyncio.Event) -> None:
        self._order = order
        self._screen = screen
        self._stage = on
        self._stop = stop
        self._books = Books()
        self._board = Board(asyncio.get_running_loop().time)

    async def play(self) -> Result:
        """Give the result. The stage is still up when this returns."""
        try:
            reader = await TopicsReader.open(self._stage.connection, self._stage.topics, self._found)
        except ReadingError as error:
            return Result(self._books.settle(), str(error))
        trouble = ""
        try:
            async with self._screen.showing(_guide(self._stage), self._board, self._order.seconds):
                await self._traffic(reader)
        except ReadingError as error:
            trouble = str(error)
        finally:
            await reader.close()
        return Result(self._books.settle(), trouble)

    async def _traffic(self, reader: TopicsReader) -> None:
        """Let Sofy send until it is time to stop, and read along; then bring both to their end."""
        enough, read_enough = asyncio.Event(), asyncio.Event()
        reading = asyncio.create_task(reader.follow(read_enough))
        sending = asyncio.create_task(self._send(enough))
        try:
            await self._until_it_ends(reading, sending)
            enough.set()
            self._board.phase = "waiting for the last answers"
            await sending
            self._board.phase = "reading the topics to their end"
            read_enough.set()
            await reading
            await reader.finish(_READ_WITHIN_S)
        finally:
            for task in (sending, reading):
                task.cancel()
            await asyncio.wait({sending, reading})
            for task in (sending, reading):
                if not task.cancelled():
                    task.exception()  # looked at: the first one has been raised above
        self._board.phase = "done"

    async def _send(self, enough: asyncio.Event) -> None:
        """Invent SMS and tell the relay of them until `enough` is set; then let what was begun come to its end."""
        ways = demo_ways(random.SystemRandom().getrandbits(64))
        async with Poster(connections=CONNECTIONS) as poster:
            sofy = Sofy(poster, Witness(self._books, self._board), ways, clock=time.time)
            for registration in self._stage.registrations:
                sofy.registrations.add(registration)
            async with sofy.running():
                await run_until(enough, sofy.invent_at(self._order.rate / ITEMS_PER_SMS))
                await sofy.engine.finish(_ANSWERS_WITHIN_S)

    async def _until_it_ends(self, *parts: asyncio.Task[None]) -> None:
        """Wait for the time, a signal, or a part that ended, which none should."""
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopping, *parts}, timeout=self._order.seconds, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    def _found(self, found: Found) -> None:
        self._board.read(found)
        if found.destination is Destination.STATUS:
            fact = fact_of_status_record(found.value)
            if fact is None:
                self._books.unreadable_record()
            else:
                self._books.on_status_topic(fact)
        elif found.destination is Destination.DEAD_LETTER:
            account = found.headers.get("relay-account", b"").decode(errors="replace")
            self._books.on_dead_letter_topic(letter_fact(account, found.value))
        else:
            self._books.unreadable_record()  # this Sofy sends nothing that belongs there


def _guide(on: Stage) -> Guide:
    servers = ",".join(on.connection.bootstrap_servers)
    return Guide(
        webhook=on.webhook_url,
        page=on.page_url,
        kafka=f"{servers} (embedded: gone when the demo ends)" if on.embedded else servers,
        follow=f"RELAY_KAFKA__BOOTSTRAP_SERVERS={servers} relay tail",
    )
