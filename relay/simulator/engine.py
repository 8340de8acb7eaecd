"""The engine: posts webhooks when they are due, replays what failed, discards what failed ten replays.

The statuses of one SMS go to a registration one after the other: the next one starts once the first attempt
of the one before has ended, however it ended. Whether Sofy waits so is not known; a replay overtakes nobody
but is overtaken.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from relay.simulator.attempts import Attempt, End, Observer
from relay.simulator.faults import Fault
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook, headers_of
from relay.simulator.poster import Answer, Poster, Trouble
from relay.simulator.registrations import Registration
from relay.simulator.schedule import ReplaySchedule
from relay.simulator.tellings import Disguise, Teller, Telling

MOST_OUTSTANDING: Final = 20_000
"""Lives being told and webhooks being tried, together: about 40 MiB."""


@dataclass(frozen=True, slots=True)
class _Story:
    """A life being told to one registration."""

    registration: Registration
    start: float
    left: deque[Telling]


@dataclass(frozen=True, slots=True)
class _Job:
    """An attempt to be made."""

    webhook: Webhook
    number: int
    due: float
    then: Callable[[], None] | None = None
    """What follows the attempt, whatever its outcome."""


class Engine:
    """Tells registrations of lives. Everything within one event loop, between `running`'s enter and exit."""

    def __init__(  # noqa: PLR0913 - its parts, each by name
        self,
        poster: Poster,
        teller: Teller,
        observer: Observer,
        *,
        schedule: ReplaySchedule,
        unix_time: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        stands: Callable[[Registration], bool] = lambda _: True,
        most_outstanding: int = MOST_OUTSTANDING,
    ) -> None:
        """Take the parts.

        Args:
            poster: Entered; as many attempts run at a time as it has connections.
            teller: Says what is told of a life.
            observer: Is told of everything.
            schedule: When a failed webhook is tried again.
            unix_time: The clock that signatures carry.
            monotonic: The clock that attempts are timed by. Not the event loop's, which may tick in milliseconds.
            stands: Whether a registration still wants webhooks; asked before each attempt.
            most_outstanding: Above it `full` is true and `room` waits, so that memory stays bounded.
        """
        self._poster = poster
        self._teller = teller
        self._observer = observer
        self._schedule = schedule
        self._unix_time = unix_time
        self._monotonic = monotonic
        self._stands = stands
        self._most = most_outstanding
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._webhooks: set[Webhook] = set()
        self._stories = 0
        self._in_flight = 0
        self._finishing = False
        self._stopping = False
        self._changed = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the context is left; what is outstanding then is abandoned.

        Raises:
            Exception: on leaving, a fault of the engine's own or of an observer's.
        """
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._poster.connections)]
        for worker in self._workers:
            worker.add_done_callback(lambda _: self._changed.set())
        try:
            yield
        finally:
            await self.stop(0)
        self._look_for_a_crash()

    @property
    def outstanding(self) -> int:
        """How many webhooks are neither acknowledged nor discarded."""
        return len(self._webhooks)

    @property
    def in_flight(self) -> int:
        """How many attempts are being made at this moment."""
        return self._in_flight

    @property
    def full(self) -> bool:
        """Whether no more lives should be told at present."""
        return self._stories + len(self._webhooks) >= self._most

    def tell(self, life: Life, registration: Registration) -> None:
        """Tell a registration of a life that begins now. Ignored once stopped."""
        if self._finishing:
            return
        self._stories += 1
        self._go_on(_Story(registration, self._monotonic(), deque(self._teller.plan(life))))

    async def room(self) -> None:
        """Return once it is not `full`, or stopped."""
        await self._until(lambda: not self.full)

    async def idle(self) -> None:
        """Return once every life has been told and every webhook has ended, or it is stopped."""
        await self._until(lambda: not self._stories and not self._webhooks)

    async def finish(self, limit_s: float) -> None:
        """Tell nothing more, let every webhook end within `limit_s`, its replays included, abandon the rest."""
        self._finishing = True
        self._stories = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.idle()
        await self.stop(0)

    async def stop(self, limit_s: float) -> None:
        """Start nothing more, let attempts under way end within `limit_s`, abandon the rest. May be called again."""
        self._finishing = self._stopping = True
        self._changed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._in_flight:
                    self._changed.clear()
                    await self._changed.wait()
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        for webhook in list(self._webhooks):
            self._settle(webhook, End.ABANDONED)
        self._stories = 0

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds() and not self._stopping:
            self._changed.clear()
            await self._changed.wait()
            self._look_for_a_crash()

    def _look_for_a_crash(self) -> None:
        for worker in self._workers:
            if worker.done() and not worker.cancelled() and (error := worker.exception()) is not None:
                raise error

    def _go_on(self, story: _Story) -> None:
        """Let the next telling of a story be due, if there is one."""
        if self._finishing:
            return
        if not story.left or not self._stands(story.registration):
            self._stories -= 1
            self._changed.set()
            return
        telling = story.left.popleft()
        now = self._monotonic()
        due = max(now, story.start + telling.after_s)
        asyncio.get_running_loop().call_later(due - now, self._tell, story, telling, due)

    def _tell(self, story: _Story, telling: Telling, due: float) -> None:
        if self._finishing:
            return
        webhook, beside = self._teller.webhooks(story.registration, telling)
        self._make(_Job(webhook, 0, due, partial(self._go_on, story)))
        for after_s, other in beside:
            self._make(_Job(other, 0, due + after_s))

    def _make(self, job: _Job) -> None:
        self._webhooks.add(job.webhook)
        self._observer.made(job.webhook)
        self._when_due(job)

    def _when_due(self, job: _Job) -> None:
        left = job.due - self._monotonic()
        if left <= 0:
            self._jobs.put_nowait(job)
        else:
            asyncio.get_running_loop().call_later(left, self._jobs.put_nowait, job)

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            if self._stopping:
                continue  # `stop` abandons it
            if not self._stands(job.webhook.registration):
                self._settle(job.webhook, End.ABANDONED)
            else:
                self._judge(await self._attempt(job))
            if job.then is not None:
                job.then()

    async def _attempt(self, job: _Job) -> Attempt:
        webhook = job.webhook
        disguise = self._teller.disguise() if job.number == 0 else None
        headers = headers_of(webhook, int(self._unix_time()))
        self._observer.starts(webhook, job.number)
        self._in_flight += 1
        started = self._monotonic()
        try:
            result = await self._poster.post(
                webhook.registration.url,
                headers,
                webhook.body,
                within_s=None if disguise is None else disguise.within_s,
            )
        finally:
            self._in_flight -= 1
            self._changed.set()
        return _as_seen(job, started, self._monotonic(), result, disguise)

    def _judge(self, attempt: Attempt) -> None:
        self._observer.attempted(attempt)
        if attempt.acknowledged:
            self._settle(attempt.webhook, End.ACKNOWLEDGED)
            return
        pause_s = self._schedule.after(attempt.number + 1)
        if pause_s is None:
            self._settle(attempt.webhook, End.DISCARDED)
        elif not self._stopping:
            self._when_due(_Job(attempt.webhook, attempt.number + 1, attempt.ended + pause_s))

    def _settle(self, webhook: Webhook, end: End) -> None:
        self._webhooks.discard(webhook)
        self._observer.settled(webhook, end)
        self._changed.set()


def _as_seen(job: _Job, started: float, ended: float, result: Answer | Trouble, disguise: Disguise | None) -> Attempt:
    """Give the attempt as Sofy saw it, which with a fault is not what the receiver did."""
    status: int | None = None
    trouble = result if isinstance(result, Trouble) else None
    fault: Fault | None = None
    if disguise is not None and disguise.fault is Fault.TIMEOUT:
        trouble, fault = Trouble.TIMED_OUT, disguise.fault
    elif isinstance(result, Answer):
        status, fault = (result.status, None) if disguise is None else (disguise.status, disguise.fault)
    seen = result if isinstance(result, Answer) and fault is None else None
    return Attempt(
        webhook=job.webhook,
        number=job.number,
        due=job.due,
        started=started,
        ended=ended,
        status=status,
        trouble=trouble,
        retry_after=None if seen is None else seen.retry_after,
        answer=b"" if seen is None else seen.body,
        fault=fault,
    )
