"""Webhooks, one after another, while something goes wrong."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from tests.end_to_end.relay_process import RelayProcess
from tests.faults.history import Attempt, Fact, History

RECOVERED_WITHIN_S = 10.0
_OF_SO_MANY = 20
_RECOVERED_SHARE = 0.95


class Traffic(History):
    """Posts from several senders at once, each with SMS of its own, from `async with` to its end.

    Args:
        relay: where to.
        sms: the ids, dealt out to the senders; each is posted by one sender alone.
        senders: how many.
        every_s: how long a sender waits between an answer and the next webhook.
    """

    def __init__(self, relay: RelayProcess, sms: Sequence[str], *, senders: int = 6, every_s: float = 0.05) -> None:
        super().__init__()
        self._relay = relay
        self._shares = [share for share in (sms[number::senders] for number in range(senders)) if share]
        self._every_s = every_s
        self._next: Counter[str] = Counter()
        self._senders: list[asyncio.Task[None]] = []
        self._ending = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._senders = [asyncio.create_task(self._send(share)) for share in self._shares]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        await asyncio.gather(*self._senders)

    async def until_answered(self, count: int, status: int, *, within_s: float = 30.0) -> None:
        """Wait until so many more webhooks, posted from now on, were answered so."""
        since = time.monotonic()
        async with asyncio.timeout(within_s):
            while sum(attempt.status == status for attempt in self.since(since)) < count:
                await asyncio.sleep(0.02)

    async def until_recovered(self, within_s: float = RECOVERED_WITHIN_S) -> None:
        """Wait until 95 % of the latest webhooks, all posted from now on, are answered 200: the promise's limit."""
        since = time.monotonic()
        while True:
            latest = self.since(since)[-_OF_SO_MANY:]
            if len(latest) == _OF_SO_MANY and sum(a.status == 200 for a in latest) >= _RECOVERED_SHARE * _OF_SO_MANY:
                return
            assert time.monotonic() - since <= within_s, f"not recovered after {within_s} s: {self.tally(since)}"
            await asyncio.sleep(0.02)

    async def replay(self) -> None:
        """Post again, as Sofy does, what was refused; all of it must be answered 200 now."""
        for fact in self.refused:
            assert (await self._post(fact)).status == 200

    async def _send(self, share: Sequence[str]) -> None:
        turn = 0
        while not self._ending.is_set():
            sms = share[turn % len(share)]
            await self._post(Fact(sms, self._next[sms]))
            self._next[sms] += 1
            turn += 1
            await asyncio.sleep(self._every_s)

    async def _post(self, fact: Fact) -> Attempt:
        at = time.monotonic()
        try:
            answer = await self._relay.post(fact.webhook)
        except httpx.TransportError as error:
            attempt = Attempt(fact, at, time.monotonic() - at, 0, type(error).__name__)
        else:
            error_says = "" if answer.status_code == 200 else answer.json()["error"]
            attempt = Attempt(fact, at, time.monotonic() - at, answer.status_code, error_says)
        self.attempts.append(attempt)
        return attempt
