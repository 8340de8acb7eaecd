"""What a person sees of a run while it goes on: a table on a terminal, else a line every few seconds; on stderr."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from relay.simulator.attempts import Attempt, End
from relay.simulator.ledger import Ledger
from relay.simulator.lives import Life
from relay.simulator.payloads import Webhook

WINDOW_S: Final = 10.0
"""Seconds that rates and times look back."""
_MOST_TIMES: Final = 5000
_REDRAW_EVERY_S: Final = 0.25
_LINE_EVERY_S: Final = 5.0
_ROUND_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run at one moment."""

    elapsed_s: float
    attempts_per_s: float
    answer_p50_s: float | None
    """Of the last 10 s; None before the first attempt."""
    answer_p99_s: float | None
    late_p99_s: float | None
    """How late attempts started: the simulator's own delay."""
    outcomes: Mapping[str, int]
    """By HTTP status, or what went wrong."""


class Gauge:
    """Watches attempts as an `Observer`; its memory is bounded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take the clock that attempts are timed by."""
        self._clock = clock
        self._start = clock()
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_MOST_TIMES)
        self._outcomes: Counter[str] = Counter()

    def born(self, life: Life) -> None:
        """Nothing to see."""

    def made(self, webhook: Webhook) -> None:
        """Nothing to see."""

    def starts(self, webhook: Webhook, number: int) -> None:
        """Nothing to see."""

    def attempted(self, attempt: Attempt) -> None:
        """Note its outcome and times."""
        self._outcomes[str(attempt.status or attempt.trouble)] += 1
        self._recent.append((self._clock(), attempt.seconds, attempt.delay))

    def settled(self, webhook: Webhook, end: End) -> None:
        """Nothing to see."""

    def snapshot(self) -> Snapshot:
        """Give the state of now."""
        now = self._clock()
        while self._recent and self._recent[0][0] < now - WINDOW_S:
            self._recent.popleft()
        since = self._recent[0][0] if len(self._recent) == _MOST_TIMES else max(self._start, now - WINDOW_S)
        answers = sorted(seconds for _, seconds, _ in self._recent)
        return Snapshot(
            elapsed_s=now - self._start,
            attempts_per_s=len(self._recent) / max(now - since, 1.0 if len(self._recent) < _MOST_TIMES else 0.001),
            answer_p50_s=quantile(answers, 0.50),
            answer_p99_s=quantile(answers, 0.99),
            late_p99_s=quantile(sorted(late for _, _, late in self._recent), 0.99),
            outcomes=MappingProxyType(dict(self._outcomes.most_common())),
        )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Give the smallest of `ordered` (ascending) that at least `share` of them do not exceed; None of none."""
    if not ordered:
        return None
    # In per mille, exact: 0.99 * 100 is a little more than 99 to a float.
    return ordered[max(0, -(-round(share * 1000) * len(ordered) // 1000) - 1)]


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is shown."""

    ledger: Ledger
    now: Snapshot
    outstanding: int
    held_back: bool
    """Whether no new SMS are sent because too much is outstanding."""

    def rows(self) -> list[tuple[str, str]]:
        """Give name and value of each line."""
        ledger, now = self.ledger, self.now
        return [
            ("SMS", f"{ledger.sms:,}"),
            ("webhooks", f"{ledger.webhooks:,} ({now.attempts_per_s:,.0f} attempts/s)"),
            ("acknowledged", f"{ledger.acknowledged:,}"),
            ("outstanding", f"{self.outstanding:,}{' (no new SMS until there are fewer)' * self.held_back}"),
            ("replays", f"{ledger.replays:,}"),
            ("discarded", f"{ledger.discarded:,}"),
            ("answers", "  ".join(f"{outcome}: {number:,}" for outcome, number in now.outcomes.items())),
            ("answer time", f"p50 {_duration(now.answer_p50_s)}  p99 {_duration(now.answer_p99_s)}"),
        ]

    def line(self) -> str:
        """Give all of it as one line."""
        words = "  ".join(f"{name} {value}" for name, value in self.rows() if value)
        return f"{self.now.elapsed_s:5.0f} s  {words}"

    def table(self) -> Table:
        """Give all of it as a table."""
        table = Table(box=box.ROUNDED, show_header=False, title=f"Sofy, simulated: {self.now.elapsed_s:.0f} s")
        for name, value in self.rows():
            bad = name == "discarded" and self.ledger.discarded
            table.add_row(Text(name, "dim"), Text(value, "bold red" if bad else ""))
        return table


@asynccontextmanager
async def showing(console: Console, look: Callable[[], Sight], *, every_s: float | None = None) -> AsyncIterator[None]:
    """Show what `look` gives until the context is left: every `every_s` seconds, or as suits a terminal or a pipe."""
    if console.is_terminal:
        with Live(get_renderable=lambda: look().table(), console=console, auto_refresh=False) as live:
            async with _every(every_s or _REDRAW_EVERY_S, live.refresh):
                yield
            live.refresh()
    else:
        async with _every(every_s or _LINE_EVERY_S, lambda: console.print(look().line(), soft_wrap=True)):
            yield


@asynccontextmanager
async def _every(seconds: float, act: Callable[[], object]) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            act()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= _ROUND_S else f"{seconds * 1000:.1f} ms"
