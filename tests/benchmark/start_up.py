"""From nothing to ready: what the imports take, when webhooks are wanted, how much of other people's code there is."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmark.figures import StartUp
from tests.benchmark.server import python
from tests.benchmark.stand import Stand

_IMAGE_LOCK: Final = Path(__file__).parents[2] / "deploy" / "requirements.lock"
_SERVE_NEEDS: Final = "import relay.cli.serve, relay.app"


def run(stand: Stand, runs: int, say: Callable[[str], None]) -> StartUp:
    """Start it `runs` times, with Kafka up."""
    imports = median(_seconds(stand, _SERVE_NEEDS) - _seconds(stand, "pass") for _ in range(runs))
    ready, idle = [], []
    for _ in range(runs):
        with stand.relay() as relay:
            ready.append(relay.server.started_in_s)
            idle.append(relay.idle_mib)
    found = StartUp(
        import_s=imports,
        ready_s=median(ready),
        dependencies=len(distributions(_IMAGE_LOCK.read_text(encoding="utf-8"))),
        idle_mib=median(idle),
    )
    say(f"imports {found.import_s:.2f} s, ready after {found.ready_s:.2f} s, {found.idle_mib:.0f} MiB idle")
    return found


def distributions(lock: str) -> list[str]:
    """Give the names that a lock file pins, but for those of other systems."""
    return [found[1] for found in re.finditer(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?!.*win32)", lock, re.MULTILINE)]


def _seconds(stand: Stand, program: str) -> float:
    began = time.monotonic()
    with stand.cores.starting_server():
        process = subprocess.Popen(python("-c", program))  # noqa: S603 - our own arguments only
    process.wait()
    return time.monotonic() - began
