"""An event loop on which nobody waits: where nothing is ready, the time of the next timer has come."""

import asyncio
import selectors


class _HastySelector(selectors.DefaultSelector):
    """Lets its own time pass instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        ready = super().select(0)
        if not ready:
            self.time += max(timeout, 0.0)
        return ready


class HastyLoop(asyncio.SelectorEventLoop):
    """For code that neither asks the network nor a thread. Its time begins at 0."""

    def __init__(self) -> None:
        self._hasty = _HastySelector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return self._hasty.time
