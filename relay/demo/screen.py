"""Where a run is shown: a live picture on a terminal, plain lines on stderr for anything else."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live

from relay.demo.board import Board
from relay.demo.view import Guide, Picture, progress_line
from relay.observability.logs import configure

_LOOK_EVERY_S: Final = 0.25
_LINE_EVERY_S: Final = 2.0


def log_at(level: str) -> None:
    """Let the relay log to what stderr is at present, from `level` on."""
    configure(level, "console" if sys.stderr.isatty() else "json", sys.stderr)


class Screen(Protocol):
    """Shows one run."""

    def say(self, line: str) -> None:
        """Tell something beside the run itself."""

    def showing(self, guide: Guide, board: Board, limit_s: float | None) -> AbstractAsyncContextManager[None]:
        """Show the run for as long as the context is entered."""


class LiveScreen:
    """Draws a picture that follows the run, on a terminal. What is logged meanwhile appears above it."""

    def __init__(self, console: Console) -> None:
        """Take the terminal's console."""
        self._console = console

    def say(self, line: str) -> None:
        """Print a line above the picture."""
        self._console.print(line, highlight=False, markup=False)

    @asynccontextmanager
    async def showing(self, guide: Guide, board: Board, limit_s: float | None) -> AsyncIterator[None]:
        """Redraw four times a second, from a thread of its own: drawing must not delay the relay's answers."""
        picture = Picture(guide, board.snapshot(), limit_s)

        def draw() -> Picture:
            return picture

        live = Live(
            get_renderable=draw,
            console=self._console,
            refresh_per_second=1 / _LOOK_EVERY_S,
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
            vertical_overflow="crop",
        )
        with live:
            log_at("error")  # anew: sys.stderr is another one now

            async def look() -> None:
                nonlocal picture
                while True:
                    # A value: the drawing thread never sees the board, which changes under its hands.
                    picture = Picture(guide, board.snapshot(), limit_s)
                    await asyncio.sleep(_LOOK_EVERY_S)

            looking = asyncio.create_task(look())
            try:
                yield
            finally:
                await _ended(looking)
                picture = Picture(guide, board.snapshot(), limit_s)
        log_at("error")


class PlainScreen:
    """Writes the guide, then a line every two seconds, to stderr."""

    def say(self, line: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    @asynccontextmanager
    async def showing(self, guide: Guide, board: Board, limit_s: float | None) -> AsyncIterator[None]:
        """Write lines until the context is left."""
        for name, content in guide.lines():
            self.say(f"{name:<8} {content}")
        self.say("Ctrl-C ends it with the ledger." if limit_s is None else f"It ends by itself in {limit_s:g} s.")

        async def write() -> None:
            while True:
                await asyncio.sleep(_LINE_EVERY_S)
                self.say(progress_line(board.snapshot()))

        writing = asyncio.create_task(write())
        try:
            yield
        finally:
            await _ended(writing)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
