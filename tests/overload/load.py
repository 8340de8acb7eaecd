"""An open-loop sender: webhooks leave at their times, whether or not the ones before were answered."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from relay.simulator.poster import Answer, Poster
from tests.end_to_end.relay_process import TOKEN, RelayProcess
from tests.sofy.payloads import body, item

_TICK_S = 0.002
_HEADERS = {"content-type": "application/json"}
CONNECTIONS = 1000
"""More than are ever under way: nothing queues inside the sender."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One webhook of one SMS, and what came of it."""

    sms_id: str
    began: float
    ended: float
    status: int | None
    """None: there was no answer."""
    retry_after: str | None
    text: str
    """The answer's body; without one, the trouble's word."""

    @property
    def overloaded(self) -> bool:
        return self.status == 503 and self.text == '{"error":"overloaded"}'


class OwnLateness:
    """Notes when this process's loop woke too late: that is the sender's time, not the relay's. A context manager."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            if loop.time() > due:
                self._starts.append(due)
                self._ends.append(loop.time())

    def seconds_without(self, attempt: Attempt) -> float:
        """Give how long the answer took, less the time in which this process could not have noticed it."""
        late = 0.0
        for index in range(bisect_left(self._ends, attempt.began), len(self._ends)):
            if self._starts[index] >= attempt.ended:
                break
            late += min(self._ends[index], attempt.ended) - max(self._starts[index], attempt.began)
        return attempt.ended - attempt.began - late


class Load:
    """Posts to one relay; an async context manager. Every SMS has an id of its own."""

    def __init__(self, relay: RelayProcess) -> None:
        self._url = f"http://127.0.0.1:{relay.webhook_port}/webhooks/sofy/{TOKEN}"
        self._poster = Poster(answer_within_s=10, connections=CONNECTIONS)
        self._count = 0

    async def __aenter__(self) -> Self:
        await self._poster.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._poster.__aexit__(kind, error, traceback)

    async def post(self, sms_id: str) -> Attempt:
        """Post the webhook of one SMS; again with the same id is a replay."""
        loop = asyncio.get_running_loop()
        payload = body(item(id=sms_id))
        began = loop.time()
        answer = await self._poster.post(self._url, _HEADERS, payload)
        ended = loop.time()
        if isinstance(answer, Answer):
            return Attempt(sms_id, began, ended, answer.status, answer.retry_after, answer.body.decode())
        return Attempt(sms_id, began, ended, None, None, answer.value)

    async def at_once(self, sms_ids: Iterable[str]) -> list[Attempt]:
        """Post all of them together."""
        return list(await asyncio.gather(*(self.post(sms_id) for sms_id in sms_ids)))

    async def offer(self, per_second: float, seconds: float) -> list[Attempt]:
        """Post new SMS evenly for so long, then wait for the last answer."""
        return await self._offer(per_second, lambda elapsed: elapsed < seconds)

    async def offer_until(self, per_second: float, end: asyncio.Event) -> list[Attempt]:
        """The same, until `end` is set."""
        return await self._offer(per_second, lambda _elapsed: not end.is_set())

    async def _offer(self, per_second: float, goes_on: Callable[[float], bool]) -> list[Attempt]:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        posts: list[asyncio.Task[Attempt]] = []
        while goes_on(elapsed := loop.time() - begin):
            while len(posts) < elapsed * per_second:
                self._count += 1
                posts.append(asyncio.create_task(self.post(f"sms-{self._count}")))
            await asyncio.sleep(_TICK_S)
        return list(await asyncio.gather(*posts))


def accepted(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those answered 200."""
    return [attempt for attempt in attempts if attempt.status == 200]


def per_second(attempts: Sequence[Attempt]) -> float:
    """How many a second were answered 200, from the first's beginning to the last's answer."""
    good = accepted(attempts)
    return len(good) / (max(each.ended for each in good) - min(each.began for each in attempts))


def percentile(values: Iterable[float], part: float) -> float:
    """Give the value that `part` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
