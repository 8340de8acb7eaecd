"""What a person sees: rates and times of the last ten seconds, and nothing that is secret."""

import asyncio
import io
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from relay.simulator.attempts import Attempt
from relay.simulator.ledger import Bookkeeper
from relay.simulator.payloads import status_webhook
from relay.simulator.poster import Trouble
from relay.simulator.progress import Gauge, Sight, quantile, showing
from tests.simulator.reading import registration

_WEBHOOK = status_webhook(registration(), "envelope", [])


def _attempt(seconds: float, *, status: int | None = 200, late: float = 0.0) -> Attempt:
    trouble = None if status else Trouble.TIMED_OUT
    return Attempt(_WEBHOOK, 0, due=0, started=late, ended=late + seconds, status=status, trouble=trouble)


def test_rates_and_times_are_of_the_last_ten_seconds_and_outcomes_of_all() -> None:
    now = 0.0
    gauge = Gauge(lambda: now)
    gauge.attempted(_attempt(9.0, status=503))
    now = 20.0
    for _ in range(50):
        gauge.attempted(_attempt(0.1, late=0.5))
    gauge.attempted(_attempt(4.0, status=None))

    seen = gauge.snapshot()

    assert seen.attempts_per_s == pytest.approx(5.1)
    assert seen.answer_p50_s == pytest.approx(0.1)
    assert seen.answer_p99_s == 4.0
    assert seen.late_p99_s == 0.5
    assert seen.outcomes == {"200": 50, "503": 1, "timed out": 1}


def test_at_a_high_rate_memory_stays_flat_and_the_rate_is_right() -> None:
    now = 0.0
    gauge = Gauge(lambda: now)
    for number in range(20_000):
        now = number / 2000
        gauge.attempted(_attempt(0.1))

    assert gauge.snapshot().attempts_per_s == pytest.approx(2000, rel=0.01)


@given(st.lists(st.floats(0, 9), min_size=1, max_size=120), st.sampled_from(["0.5", "0.99", "1"]))
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: str) -> None:
    ordered = sorted(values)
    needed = Fraction(share) * len(ordered)

    found = quantile(ordered, float(share))

    assert found is not None
    assert sum(value <= found for value in ordered) >= needed
    assert sum(value < found for value in ordered) < needed


def test_there_is_no_quantile_of_nothing() -> None:
    assert quantile([], 0.5) is None


def _sight(gauge: Gauge, *, held_back: bool = False) -> Sight:
    return Sight(Bookkeeper().ledger(), gauge.snapshot(), 1234, held_back)


def test_a_line_says_all_of_it() -> None:
    gauge = Gauge(lambda: 0.0)
    gauge.attempted(_attempt(0.25))

    line = _sight(gauge, held_back=True).line()

    assert "outstanding 1,234 (no new SMS until there are fewer)" in line
    assert "200: 1" in line
    assert "p50 250.0 ms" in line


@pytest.mark.parametrize("terminal", [True, False])
async def test_it_is_shown_on_a_terminal_and_in_a_pipe(terminal: bool) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100)
    looked = asyncio.Event()

    def look() -> Sight:
        looked.set()
        return _sight(Gauge(lambda: 0.0))

    async with showing(console, look, every_s=0.01):
        await asyncio.wait_for(looked.wait(), 10)

    assert "1,234" in written.getvalue()
