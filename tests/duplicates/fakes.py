"""A store that a test steers, and an observer that keeps what it is told."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from relay.duplicates.store import Failure, Mark, StoreError

WITHIN_S = 10.0
"""How long a test waits for what happens in the background: far longer than it takes."""


class Clock:
    """A clock that goes when a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ids(*numbers: int) -> list[str]:
    """Ids as records have them; each number's is always the same."""
    return [str(UUID(int=number)) for number in numbers]


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Ask until it holds; fail if it does not within `WITHIN_S`."""
    end = time.monotonic() + WITHIN_S
    while True:
        held = holds()
        if (held if isinstance(held, bool) else await held) is True:
            return
        assert time.monotonic() < end, f"it does not hold after {WITHIN_S} s"
        await asyncio.sleep(0.005)


class Told:
    """What a window reported."""

    def __init__(self) -> None:
        self.failed = 0
        self.away: list[str] = []
        self.back = 0

    def window_failed(self, count: int = 1) -> None:
        self.failed += count

    def window_away(self, why: str) -> None:
        self.away.append(why)

    def window_back(self) -> None:
        self.back += 1


class SteeredStore:
    """A store in memory that hangs or fails when the test says so, and keeps every exchange."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}
        """Each id and the seconds that it was to be remembered."""
        self.exchanges: list[tuple[list[Mark], list[bytes]]] = []
        self.connections = 0
        self.scopes: list[str] = []
        self.open = False
        self.raises: Exception | None = None
        self._answers = asyncio.Event()
        self._answers.set()

    def hang(self) -> None:
        """Answer nothing from now on, until `go_on`."""
        self._answers.clear()

    def break_once(self) -> None:
        """Fail at the next exchange as a connection that was closed does; a new one works."""
        self.open = False

    def go_on(self) -> None:
        self._answers.set()

    def rescope(self, scope: str) -> None:
        self.scopes.append(scope)

    async def connect(self) -> None:
        await self._answers.wait()
        if self.raises is not None:
            raise self.raises
        self.connections += 1
        self.open = True

    async def exchange(self, marks: Sequence[Mark], ids: Sequence[bytes]) -> Sequence[bool]:
        self.exchanges.append((list(marks), list(ids)))
        await self._answers.wait()
        if self.raises is not None:
            raise self.raises
        if not self.open:
            raise StoreError(Failure.CONNECTION)
        for mark in marks:
            self.known.setdefault(mark.id, mark.seconds)
        return [id_ in self.known for id_ in ids]

    async def disconnect(self) -> None:
        self.open = False
