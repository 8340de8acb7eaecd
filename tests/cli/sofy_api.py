"""Sofy's API beside commands that run in this thread: its event loop is in another."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from tests.simulator.receiver import Receiver
from tests.sofy.api_stand import Script, address, simulated


@contextmanager
def beside(serving: AbstractAsyncContextManager[str]) -> Iterator[str]:
    """Give the address that `serving` gives, until the context is left."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        found = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(30)
        try:
            yield found
        finally:
            asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def simulator() -> AbstractAsyncContextManager[str]:
    return simulated()


@asynccontextmanager
async def answering(script: Script) -> AsyncIterator[str]:
    async with Receiver(script) as server:
        yield address(server)
