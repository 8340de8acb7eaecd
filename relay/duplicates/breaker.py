"""When a store that failed may be tried again: a pure state machine; times are the caller's."""

import math


class Breaker:
    """Open at first and after every failure: then the store is not asked, but tried once a pause.

    After a failure it is tried at once where the last attempt is a pause or more ago: most lost connections
    only need a new one. All times are seconds of one clock that never goes back.
    """

    def __init__(self, pause_s: float) -> None:
        """Take the least time from one attempt to the next."""
        self._pause_s = pause_s
        self._last_attempt = -math.inf
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the store may be asked."""
        return self._closed

    def due_in(self, now: float) -> float:
        """Give the seconds until the next attempt may be made, 0 for at once."""
        return max(0.0, self._last_attempt + self._pause_s - now)

    def attempt(self, now: float) -> None:
        """Note that an attempt begins."""
        self._last_attempt = now

    def close(self) -> None:
        """Let the store be asked: the attempt succeeded."""
        self._closed = True

    def open(self) -> None:
        """Stop asking the store: it failed."""
        self._closed = False
