import asyncio

import pytest

from relay.observability.loop_lag import watch_loop_lag


class LateLoop:
    """A clock whose sleeps end as much later as the script says, then a cancellation."""

    def __init__(self, *late_s: float) -> None:
        self.now = 100.0
        self._late_s = list(late_s)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if not self._late_s:
            raise asyncio.CancelledError
        self.now += seconds + self._late_s.pop(0)


async def test_the_lag_is_how_much_later_than_asked_a_timer_wakes() -> None:
    loop = LateLoop(0.0, 0.125, -0.01)  # a timer may wake a clock tick early
    seen: list[float] = []

    with pytest.raises(asyncio.CancelledError):
        await watch_loop_lag(seen.append, interval_s=0.25, clock=loop.clock, sleep=loop.sleep)

    assert seen == pytest.approx([0.0, 0.125, 0.0])


async def test_it_ends_when_its_owner_cancels_it() -> None:
    first = asyncio.Event()
    task = asyncio.create_task(watch_loop_lag(lambda _lag: first.set(), interval_s=0))
    await first.wait()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
