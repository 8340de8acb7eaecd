"""Looks at the replicas' processes and at the machine while a run goes on."""

import asyncio
import math
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import httpx

from tests.chaos.replicas import Replica

_EVERY_S: Final = 1.0
_TICK_S: Final = 0.01
_SLIGHT_S: Final = 0.005
_LAGS: Final = 'sofy_relay_event_loop_lag_seconds_bucket{le="'
_SERIES: Final = re.compile(r"^([a-zA-Z_:][^ ]*) (\S+)$", re.MULTILINE)


@dataclass(slots=True)
class Seen:
    """What one process showed of itself."""

    first: frozenset[str] = frozenset()
    """The series that it exported when it was first looked at while it was ready."""
    last: dict[str, float] = field(default_factory=dict)
    """Every series at the last look, with its value."""
    highest_memory: float = 0.0
    """Bytes."""
    highest_open_files: float = 0.0
    lags: list[tuple[float, dict[float, float]]] = field(default_factory=list)
    """At each look: when, and how many lags of the event loop lay under each of its buckets' bounds."""


class OwnDelay:
    """How long the generator itself did not get to run: what that adds to an answer's time is not the relay's."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            asked = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            if now - asked > _SLIGHT_S:
                self._starts.append(asked)
                self._ends.append(now)

    def between(self, since: float, until: float) -> float:
        """Give the seconds of delay in that time; complete only once the watch has been at work after it."""
        total = 0.0
        for index in range(bisect_left(self._ends, since), len(self._ends)):
            if self._starts[index] >= until:
                break
            total += min(self._ends[index], until) - max(self._starts[index], since)
        return total


class Watch:
    """Samples each process once a second. Within one event loop."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self.seen: dict[str, Seen] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Look once at every replica that serves."""
        for replica in self._replicas:
            if not replica.serving:
                continue
            place = replica.place
            try:
                shown = await asyncio.wait_for(replica.process.metrics(), _EVERY_S)
            except (httpx.HTTPError, TimeoutError):
                continue
            if place == replica.place:
                _take(self.seen.setdefault(place, Seen()), shown)


def lag_p99_s(seen: Iterable[Seen], disturbed: Sequence[tuple[float, float]]) -> float | None:
    """Give the bound of the bucket under which 99 % of the loops' lags lay outside disturbed times.

    None: above the last bound, or nothing was seen.
    """
    under: Counter[float] = Counter()
    for one in seen:
        for (since, before), (until, after) in pairwise(one.lags):
            if not any(start <= until and since <= end for start, end in disturbed):
                under.update({bound: after[bound] - before[bound] for bound in after})
    total = under[math.inf]
    return next((bound for bound in sorted(under) if total and under[bound] >= 0.99 * total and bound < math.inf), None)


def _take(seen: Seen, shown: str) -> None:
    series = {name: float(value) for name, value in _SERIES.findall(shown)}
    seen.first = seen.first or frozenset(series)
    seen.last = series
    lags = {float(name[len(_LAGS) : -2]): value for name, value in series.items() if name.startswith(_LAGS)}
    seen.lags.append((time.monotonic(), lags))
    seen.highest_memory = max(seen.highest_memory, series.get("process_resident_memory_bytes", 0.0))
    seen.highest_open_files = max(seen.highest_open_files, series.get("process_open_fds", 0.0))


class Machine:
    """How much the machine itself stood in the way, from construction on."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._stall, self._steal = _cpu_stall_s(), _steal_s()

    def report(self) -> dict[str, float]:
        """Give shares of the time: `waited_for_cpu`, in which something did (PSI); `stolen` from the processors."""
        seconds = time.monotonic() - self._since
        return {
            "waited_for_cpu": round((_cpu_stall_s() - self._stall) / seconds, 3),
            "stolen": round((_steal_s() - self._steal) / seconds, 3),
        }


def _cpu_stall_s() -> float:
    """Seconds since boot in which some task waited for a processor; 0 where the kernel does not tell."""
    file = Path("/proc/pressure/cpu")
    found = re.search(r"some .*total=(\d+)", file.read_text()) if file.exists() else None
    return 0.0 if found is None else int(found[1]) / 1_000_000


def _steal_s() -> float:
    """Seconds since boot, of all processors together, in which the host ran somebody else."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    return float(fields[8]) / 100
