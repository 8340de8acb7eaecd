"""What is the generator's own delay is measured where the generator runs: on its event loop."""

import asyncio
import time

from tests.chaos.watch import OwnDelay

BLOCKED_S = 0.2


async def test_the_time_in_which_the_loop_was_blocked_is_its_own_and_counts_for_that_time_alone() -> None:
    own = OwnDelay()
    watching = asyncio.create_task(own.watch())
    await asyncio.sleep(0.03)

    since = time.monotonic()
    time.sleep(BLOCKED_S)  # noqa: ASYNC251 - the loop is to be blocked
    until = time.monotonic()
    await asyncio.sleep(0.03)  # the watch only learns of it afterwards
    watching.cancel()

    assert BLOCKED_S * 0.9 <= own.between(since, until) <= until - since
    # Of a machine that is up for a day the clock's last digits are coarser than these tenths.
    assert own.between(since, since + BLOCKED_S / 2) <= BLOCKED_S / 2 + 1e-6
    assert own.between(until + 60, until + 61) == 0.0
