"""Marks on their way to a store: bounded, oldest lost first. Pure; times are the caller's."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from relay.duplicates.store import Mark


class Waiting(NamedTuple):
    """An id that the store is still to be told, and when it was acknowledged."""

    id: bytes
    since: float


class MarkQueue:
    """Holds what the store is still to be told, for as long as the window lasts and no longer."""

    def __init__(self, *, most: int, window_s: float) -> None:
        """Take the bound on their number, and the seconds for which an id is remembered from its acknowledgement."""
        self._most = most
        self._window_s = window_s
        self._waiting: deque[Waiting] = deque()

    def put(self, id: bytes, now: float) -> int:  # noqa: A002 - the records' own name
        """Add an id acknowledged `now`; give how many were lost for want of room."""
        self._waiting.append(Waiting(id, now))
        return self._trim()

    def take(self, most: int) -> list[Waiting]:
        """Remove and give the oldest, `most` of them at most."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def put_back(self, taken: Sequence[Waiting]) -> int:
        """Return what was taken and not told, as the oldest; give how many were lost for want of room."""
        self._waiting.extendleft(reversed(taken))
        return self._trim()

    def clear(self) -> int:
        """Forget them all; give how many there were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def marks(self, taken: Sequence[Waiting], now: float) -> list[Mark]:
        """Give what to tell the store: each with the whole seconds it has left; those with none left out."""
        marks = ((waiting.id, round(waiting.since + self._window_s - now)) for waiting in taken)
        return [Mark(id_, seconds) for id_, seconds in marks if seconds > 0]

    def __len__(self) -> int:
        """Give how many wait."""
        return len(self._waiting)

    def _trim(self) -> int:
        lost = max(0, len(self._waiting) - self._most)
        for _ in range(lost):
            self._waiting.popleft()
        return lost
