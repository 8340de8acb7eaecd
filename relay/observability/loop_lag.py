"""The event loop's lag: how much later than asked a timer wakes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn


async def watch_loop_lag(
    observe: Callable[[float], None],
    *,
    interval_s: float = 0.25,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Hand the lag in seconds to `observe`, each `interval_s`; runs until it is cancelled.

    Whoever starts it as a task owns it, and cancels it.
    """
    while True:
        asked = clock() + interval_s
        await sleep(interval_s)
        observe(max(0.0, clock() - asked))
