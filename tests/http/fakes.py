"""A scriptable delivery handler and a webhook observer that remembers, for the HTTP edge's tests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from relay.pipeline import Accepted, Claim, Outcome, RawDelivery, Refused
from relay.reasons import Reason


class FakeHandler:
    """Does as it is told: accepts, refuses, waits for `gate`, overstays its deadline, or fails."""

    def __init__(self) -> None:
        self.contexts: list[Mapping[str, Any]] = []
        self.claims: list[Claim] = []
        self.behind: list[int] = []
        self.deliveries: list[RawDelivery] = []
        self.finished: list[RawDelivery] = []
        self.screened: Reason | None = None
        self.outcome: Outcome = Accepted("default", accepted=1, duplicates=0, dead_lettered=0)
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.heeds_deadline = True
        self._arrived = asyncio.Condition()

    def screen(self, claim: Claim, *, behind: int = 0) -> Refused | None:
        self.claims.append(claim)
        self.behind.append(behind)
        return None if self.screened is None else Refused(self.screened)

    async def process(self, delivery: RawDelivery) -> Outcome:
        self.deliveries.append(delivery)
        self.contexts.append(structlog.contextvars.get_contextvars())
        async with self._arrived:
            self._arrived.notify_all()
        if self.fault is not None:
            raise self.fault
        left = delivery.deadline - asyncio.get_running_loop().time() if self.heeds_deadline else None
        try:
            async with asyncio.timeout(left):
                await self.gate.wait()
        except TimeoutError:
            return Refused(Reason.ACKNOWLEDGEMENT_TIMEOUT, delivery.claim.account or "default")
        self.finished.append(delivery)
        return self.outcome

    async def wait_for_deliveries(self, count: int) -> None:
        """Return once `count` deliveries have reached `process`."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.deliveries) >= count)


@dataclass(frozen=True, slots=True)
class Ended:
    """One `webhook_ended`, without its duration."""

    account: str
    outcome: str
    reason: str
    body_bytes: int | None


class FakeObserver:
    """Remembers what was reported."""

    def __init__(self) -> None:
        self.started = 0
        self.ended: list[Ended] = []
        self.seconds: list[float] = []
        self._changed = asyncio.Event()

    def webhook_started(self) -> None:
        self.started += 1

    def webhook_ended(self, account: str, outcome: str, reason: str, seconds: float, body_bytes: int | None) -> None:
        self.ended.append(Ended(account, outcome, reason, body_bytes))
        self.seconds.append(seconds)
        self._changed.set()

    @property
    def reasons(self) -> list[str]:
        """The reasons (or for an answer without one, the outcomes) in their order."""
        return [each.reason or each.outcome for each in self.ended]

    async def wait_for_ended(self, count: int) -> None:
        """Return once `count` requests have ended."""
        while len(self.ended) < count:
            self._changed.clear()
            await self._changed.wait()
