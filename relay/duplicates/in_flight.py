"""Records on their way: a duplicate of one joins it and shares its outcome."""

import asyncio

from relay.duplicates.port import DuplicateWindow
from relay.reasons import Reason


class InFlight:
    """Knows which ids wait for their acknowledgement in this process.

    Whoever gets no future from `join` owns the id and must call `settle` or `release` for it, exactly once.
    """

    def __init__(self, window: DuplicateWindow) -> None:
        """Take the window that remembers what was acknowledged."""
        self._window = window
        self._waiting: dict[str, asyncio.Future[Reason | None]] = {}

    def join(self, id: str) -> asyncio.Future[Reason | None] | None:  # noqa: A002 - the records' own name
        """Give the outcome of the record with this id that is on its way: None = durable, else why not.

        Without one give None: the caller is now its owner. The future must not be cancelled: others
        wait for it too.
        """
        found = self._waiting.get(id)
        if found is None:
            self._waiting[id] = asyncio.get_running_loop().create_future()
        return found

    def settle(self, id: str, failure: Reason | None) -> None:  # noqa: A002 - the records' own name
        """End the way of an owned id: remembered if its record is durable (no failure), else forgotten."""
        if failure is None:
            self._window.remember(id)
        self._waiting.pop(id).set_result(failure)

    def release(self, id: str) -> None:  # noqa: A002 - the records' own name
        """End the way of an owned id that the window knows: durable already, and in the window it keeps its age."""
        self._waiting.pop(id).set_result(None)

    def __len__(self) -> int:
        """Give how many ids are on their way."""
        return len(self._waiting)
