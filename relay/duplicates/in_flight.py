"""Records on their way: a duplicate of one joins it and shares its outcome."""

from collections.abc import Callable

from relay.duplicates.port import DuplicateWindow
from relay.reasons import Reason

Told = Callable[[Reason | None], None]
"""Told once what became of a record: None is durable, else why not. Must not raise."""


class InFlight:
    """Knows which ids wait for their acknowledgement in this process.

    Who owns an id must call `settle` or `release` for it, exactly once.
    """

    def __init__(self, window: DuplicateWindow) -> None:
        """Take the window that remembers what was acknowledged."""
        self._window = window
        self._waiting: dict[str, list[Told] | None] = {}

    def own(self, id: str) -> bool:  # noqa: A002 - the records' own name
        """Own an id; False: a record with it is on its way already, which can be joined."""
        if id in self._waiting:
            return False
        self._waiting[id] = None
        return True

    def join(self, id: str, told: Told) -> None:  # noqa: A002 - the records' own name
        """Have `told` called when the way of an id that somebody owns ends."""
        others = self._waiting[id]
        if others is None:
            others = self._waiting[id] = []
        others.append(told)

    def settle(self, id: str, failure: Reason | None) -> None:  # noqa: A002 - the records' own name
        """End the way of an owned id: remembered if its record is durable (no failure), else forgotten."""
        if failure is None:
            self._window.remember(id)
        self._tell(id, failure)

    def release(self, id: str) -> None:  # noqa: A002 - the records' own name
        """End the way of an owned id that the window knows: durable already, and in the window it keeps its age."""
        self._tell(id, None)

    def _tell(self, id: str, failure: Reason | None) -> None:  # noqa: A002 - the records' own name
        for told in self._waiting.pop(id) or ():
            told(failure)

    def __len__(self) -> int:
        """Give how many ids are on their way."""
        return len(self._waiting)
