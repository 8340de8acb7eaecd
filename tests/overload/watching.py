"""Looks at a relay's metrics while something goes on."""

import asyncio
from types import TracebackType
from typing import Self

from tests.end_to_end.relay_process import RelayProcess

_EVERY_S = 0.1


def values(metrics: str) -> dict[str, float]:
    """Give every series, by its name and labels as exposed, with its value."""
    lines = (line.rsplit(" ", 1) for line in metrics.splitlines() if line and not line.startswith("#"))
    return {series: float(value) for series, value in lines}


def total(metrics: str, name: str) -> float:
    """Give the sum over all labels of one metric."""
    return sum(value for series, value in values(metrics).items() if series.partition("{")[0] == name)


class Highest:
    """Keeps the highest value that each series had. An async context manager: it looks from first to last."""

    def __init__(self, relay: RelayProcess) -> None:
        self._relay = relay
        self._seen: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._look()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        if error is None:
            await self._look()

    def of(self, series: str) -> float:
        return self._seen[series]

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> None:
        for series, value in values(await self._relay.metrics()).items():
            self._seen[series] = max(value, self._seen.get(series, value))
