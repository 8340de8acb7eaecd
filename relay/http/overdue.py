"""Who has not kept a promised time: one timer for all who are waited for, not one each."""

import asyncio
import math
from collections.abc import Callable
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting")


class Overdue(Generic[Waiting]):
    """Calls for everyone who is not done by its time. Within one event loop.

    A timer of its own costs a request more than all of this, and hardly any ever strikes: this one is set for
    the earliest of those who wait, and looks at who is left when it strikes.
    """

    def __init__(self, call: Callable[[Waiting], None]) -> None:
        """`call` is called once for each who is overdue, and forgotten; it must not raise."""
        self._call = call
        self._until: dict[Waiting, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._strikes_at = math.inf

    def watch(self, one: Waiting, until: float) -> None:
        """Call for `one` at the running loop's time `until`, unless it is `done` before."""
        self._until[one] = until
        if until < self._strikes_at:
            self._set(until)

    def done(self, one: Waiting) -> None:
        """Wait for `one` no more. Idempotent."""
        self._until.pop(one, None)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._strike)
        self._strikes_at = at

    def _strike(self) -> None:
        self._timer, self._strikes_at = None, math.inf
        now = asyncio.get_running_loop().time()
        for one in [one for one, until in self._until.items() if until <= now]:
            del self._until[one]
            self._call(one)
        if self._until:
            self._set(min(self._until.values()))
