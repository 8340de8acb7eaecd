"""Lines that repeat themselves: a few are written, the others are counted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_OTHERS: Final = "(other lines)"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many lines of one logger and template were not written."""

    logger: str
    template: str
    count: int


@dataclass(slots=True)
class _Window:
    began: float
    seen: int = 0


class RepeatLimit:
    """Lets `limit` lines an interval through for each logger and template.

    Its memory is bounded: more than `most` templates at once share one limit a logger, which also
    holds for a library that makes each line's text anew. Not for several threads at once.
    """

    def __init__(
        self, *, clock: Callable[[], float], limit: int = 10, interval_s: float = 60.0, most: int = 256
    ) -> None:
        """`clock` gives seconds that never go back."""
        self._clock = clock
        self._limit = limit
        self._interval_s = interval_s
        self._most = most
        self._windows: dict[tuple[str, str], _Window] = {}  # in the order in which they began

    def admit(self, logger: str, template: str) -> bool:
        """Whether this line is written; call `due` before."""
        key = (logger, template)
        if key not in self._windows and len(self._windows) >= self._most:
            key = (logger, _OTHERS)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(self._clock())
        window.seen += 1
        return window.seen <= self._limit

    def due(self) -> list[LeftOut]:
        """End the intervals that are over; give what each of them left out, if anything."""
        found: list[LeftOut] = []
        if not self._windows:
            return found
        ended = self._clock() - self._interval_s
        while self._windows:
            logger, template = key = next(iter(self._windows))
            window = self._windows[key]
            if window.began > ended:
                break
            del self._windows[key]
            if window.seen > self._limit:
                found.append(LeftOut(logger, template, window.seen - self._limit))
        return found
