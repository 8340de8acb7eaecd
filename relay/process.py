"""A process that serves until it is told to stop: what `relay serve` and `relay project` have in common."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
import uvloop

from relay.observability.logs import configure
from relay.settings import Settings
from relay.settings.environment import Loaded
from relay.settings.following import FollowedFiles


class Serving(Protocol):
    """What a process runs; constructed, started and stopped once, in one running event loop."""

    async def start(self) -> None:
        """Serve; returns once it does."""

    async def stop(self) -> None:
        """Shut down in order, each step bounded; never raises."""


def run(
    loaded: Loaded,
    environ: Mapping[str, str],
    make: Callable[[Settings, FollowedFiles], Serving],
    log: structlog.typing.FilteringBoundLogger,
) -> int:
    """Run what `make` gives until SIGTERM or SIGINT; give the exit status. `loaded` came from `environ`.

    Its warnings are logged to `log`, the composition root's. Raises what `make` raises; nothing was started then.
    """
    settings = loaded.settings
    configure(settings.log.level, settings.log.format or ("console" if sys.stderr.isatty() else "json"), sys.stderr)
    for warning in loaded.warnings:
        log.warning("setting ignored", detail=warning)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(lambda: make(settings, FollowedFiles(environ, loaded)), log))
    logging.shutdown()
    return 0


async def _serve(make: Callable[[], Serving], log: structlog.typing.FilteringBoundLogger) -> None:
    serving = make()
    stopping = asyncio.Event()
    # The signals are ours: uvicorn would raise them again after its shutdown, and the process would die by them.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serving.start()
    await stopping.wait()
    log.info("stopping")
    await serving.stop()
