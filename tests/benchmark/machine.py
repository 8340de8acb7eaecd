"""The machine that is measured on: what it is, and which of its cores the measured process has for itself."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CPU_OF_PROCESS = 2
"""Linux's CPUCLOCK_SCHED: what a process and all its threads have run, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server that is measured; the others for Kafka and the load."""

    server: int
    others: frozenset[int]

    @classmethod
    def split(cls) -> Self:
        """Give the split of the cores that this thread may use; with one core there is none."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], frozenset(usable[1:] or usable))

    def leave_server_alone(self) -> None:
        """Keep this thread, and whatever it starts, off the server's core."""
        os.sched_setaffinity(0, self.others)

    @contextmanager
    def starting_server(self) -> Iterator[None]:
        """Within, a process that this thread starts has the server's core, and that one alone, for all its threads."""
        os.sched_setaffinity(0, {self.server})
        try:
            yield
        finally:
            self.leave_server_alone()


def cpu_seconds(pid: int) -> float:
    """Give the CPU seconds that a process and its threads have used, to the microsecond; children not counted."""
    return time.clock_gettime((~pid << 3) | _CPU_OF_PROCESS)


def resident_mib(pid: int) -> float:
    """Give the memory that a process holds now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def describe() -> dict[str, str]:
    """Give what a reader must know of the machine; nothing that names it."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*:\s*(.+)", information)
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return {
        "processor": model[1].strip() if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": f"Linux {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }
