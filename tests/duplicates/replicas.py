"""Shared windows on a real server, as the replicas of a relay have them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.duplicates.memory import MemoryWindow
from relay.duplicates.redis import RedisStore
from relay.duplicates.shared import SharedWindow
from relay.settings import DuplicateSettings
from tests.duplicates.fakes import Told, until


class Replica(SharedWindow):
    """One replica's window, and what it reported."""

    def __init__(self, url: str, *, window_s: float = 60, scope: str = "test") -> None:
        address = DuplicateSettings.model_validate({"store": url}).store
        assert address != "memory"
        self.told = Told()
        super().__init__(
            local=MemoryWindow(max_entries=10_000, window_s=window_s, clock=time.monotonic),
            store=RedisStore(address, scope=scope),
            window_s=window_s,
            observer=self.told,
            clock=time.monotonic,
        )

    async def knows(self, id: str) -> bool:  # noqa: A002 - the records' own name
        return list(await self.known([id])) == [id]


@asynccontextmanager
async def started(replica: Replica) -> AsyncIterator[Replica]:
    """Run a replica's window until the block ends; nothing says yet that it reaches its server."""
    replica.start()
    try:
        yield replica
    finally:
        await replica.close(1.0)


@asynccontextmanager
async def reaching(replica: Replica) -> AsyncIterator[Replica]:
    """Run a replica's window that reaches its server, until the block ends."""
    async with started(replica):
        await until(lambda: replica.told.back == 1)
        yield replica
