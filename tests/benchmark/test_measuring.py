"""Turn and turn about, and medians."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from tests.benchmark.measuring import Figures, compare, middle
from tests.benchmark.whole_path import fitting, ratios

ONE = Figures(
    cpu_s_per_10k=2.0,
    webhooks_per_s=5_000,
    accepted_per_s=5_000,
    p50_ms=12,
    p99_ms=20,
    p999_ms=30,
    not_2xx=0,
    resident_mib=70,
)


@dataclass
class Counted:
    """A contestant whose figures are when it ran."""

    name: str
    clock: Iterator[int]
    warm: int = 0

    def warm_up(self) -> None:
        self.warm = next(self.clock)

    def run(self) -> Figures:
        return replace(ONE, cpu_s_per_10k=next(self.clock))


def costing(*costs: float) -> list[Figures]:
    return [replace(ONE, cpu_s_per_10k=cost) for cost in costs]


def test_every_other_round_goes_backwards_after_all_are_warm() -> None:
    clock = count()
    first, second = Counted("first", clock), Counted("second", clock)

    found = compare([first, second], runs=3, say=lambda _line: None)

    assert (first.warm, second.warm) == (0, 1)
    assert [figures.cpu_s_per_10k for figures in found["first"]] == [2, 5, 6]
    assert [figures.cpu_s_per_10k for figures in found["second"]] == [3, 4, 7]


def test_the_middle_is_each_figures_own_median() -> None:
    found = middle(
        [replace(ONE, p50_ms=1, p99_ms=9), replace(ONE, p50_ms=3, p99_ms=7), replace(ONE, p50_ms=2, p99_ms=8)]
    )

    assert (found.p50_ms, found.p99_ms, found.cpu_s_per_10k) == (2, 8, 2.0)


def test_the_ratio_is_the_whole_path_over_both_floors_of_its_own_round() -> None:
    assert ratios(costing(2.0, 4.0), costing(0.3, 0.6), costing(0.2, 0.4)) == [4.0, 4.0]


def test_cpu_is_told_for_one_webhook_too() -> None:
    assert ONE.us_per_webhook == 200.0


def test_connections_saturate_without_a_refusal() -> None:
    assert [fitting(items) for items in (1, 10, 100, 1_000)] == [64, 64, 9, 1]
