"""The window of one process, in memory: bounded by count and by age."""

from collections import deque
from collections.abc import Callable, Collection, Sequence

from relay.duplicates.ids import packed


class MemoryWindow:
    """Remembers ids in this process alone; another replica's are not known here.

    Costs some 130 bytes an id: 16 bytes of id, its place in a set and in a queue of the same objects.
    """

    def __init__(self, *, max_entries: int, window_s: float, clock: Callable[[], float]) -> None:
        """Take the bounds: how many ids, for how many seconds of `clock` (monotonic)."""
        self._max_entries = max_entries
        self._window_s = window_s
        self._clock = clock
        self._known: set[bytes] = set()
        # Oldest first. Ids of one second share one time, kept beside the count of them.
        self._order: deque[bytes] = deque()
        self._seconds: deque[tuple[int, int]] = deque()
        self._topics: str | None = None

    async def known(self, ids: Sequence[str]) -> Collection[str]:
        """Give those of `ids` that are remembered and not too old. Never suspends."""
        self._expire(self._clock())
        return [known for known in ids if packed(known) in self._known]

    def remember(self, id: str) -> None:  # noqa: A002 - the records' own name
        """Remember an id from now on; one already remembered keeps its age."""
        entry = packed(id)
        if entry in self._known:
            return
        now = self._clock()
        self._expire(now)
        if len(self._order) >= self._max_entries:
            self._drop_oldest()
        self._known.add(entry)
        self._order.append(entry)
        self._count(int(now))

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._order.clear()
        self._seconds.clear()

    def belong_to(self, topics: str) -> None:
        """Forget everything unless it was of the same topics; see `DuplicateWindow`."""
        if self._topics not in {None, topics}:
            self.clear()
        self._topics = topics

    def __len__(self) -> int:
        """Give how many ids are remembered, the expired ones not counted."""
        self._expire(self._clock())
        return len(self._order)

    def _count(self, second: int) -> None:
        if self._seconds and self._seconds[-1][0] == second:
            second, count = self._seconds.pop()
            self._seconds.append((second, count + 1))
        else:
            self._seconds.append((second, 1))

    def _drop_oldest(self) -> None:
        self._known.discard(self._order.popleft())
        second, count = self._seconds.popleft()
        if count > 1:
            self._seconds.appendleft((second, count - 1))

    def _expire(self, now: float) -> None:
        oldest = now - self._window_s
        while self._seconds and self._seconds[0][0] + 1 <= oldest:
            for _ in range(self._seconds.popleft()[1]):
                self._known.discard(self._order.popleft())
