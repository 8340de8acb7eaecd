"""Records that somebody waits for: how many have no outcome yet."""

import asyncio


class Outstanding:
    """Counts records without outcome, and lets one task wait for the last one's. For one event loop's thread."""

    __slots__ = ("_count", "_deadline", "_loop", "_waker")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Start with none; `deadline` is the `time()` of `loop` by which the waiting ends."""
        self._loop = loop
        self._deadline = deadline
        self._count = 0
        self._waker: asyncio.Future[None] | None = None

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return self._loop.time() >= self._deadline

    def add(self, count: int = 1) -> None:
        """So many records more are waited for."""
        self._count += count

    def settle(self) -> None:
        """One record has its outcome."""
        self._count -= 1
        if not self._count:
            self._wake()

    async def wait(self) -> None:
        """Wait until all have their outcome, at most until the deadline."""
        if not self._count:
            return
        self._waker = self._loop.create_future()
        timer = self._loop.call_at(self._deadline, self._wake)
        try:
            await self._waker
        finally:
            timer.cancel()
            self._waker = None

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)
