"""How calls are kept apart in time."""

from collections.abc import Awaitable, Callable


class Pace:
    """At most so many turns a second, evenly; what was not used is not caught up on. For one task at a time."""

    def __init__(self, rate: float, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        """Take the turns a second (above 0), a clock in seconds, and what waits so many seconds."""
        self._apart_s = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    async def turn(self) -> None:
        """Return when it is time for the next call."""
        now = self._clock()
        if now < self._next_at:
            await self._sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._apart_s
