"""A run ends by itself, by being told to, or by failing; whichever comes first."""

import asyncio

import pytest

from relay.simulator.stopping import run_until


async def _endless() -> None:
    await asyncio.Event().wait()


async def _short() -> None:
    await asyncio.sleep(0)


async def _failing() -> None:
    message = "planted"
    raise LookupError(message)


async def test_work_that_ends_by_itself_has_ended() -> None:
    assert await run_until(asyncio.Event(), _short()) is True


async def test_work_is_cancelled_once_told() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)

    assert await run_until(stop, _endless()) is False


async def test_work_that_fails_raises() -> None:
    with pytest.raises(LookupError, match="planted"):
        await run_until(asyncio.Event(), _failing())


async def test_when_its_caller_is_cancelled_so_is_the_work() -> None:
    before = asyncio.all_tasks()
    running = asyncio.create_task(run_until(asyncio.Event(), _endless()))
    await asyncio.sleep(0)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert asyncio.all_tasks() == before
