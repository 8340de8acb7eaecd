"""A curve's word follows from its points by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmark.curves import ACCOUNTS
from tests.benchmark.verdict import (
    Line,
    Shape,
    sentence_of_cost,
    sentence_of_goodput,
    shape_of_cost,
    shape_of_goodput,
)


@pytest.mark.parametrize(
    ("costs", "may_grow", "shape"),
    [
        ([100.0, 110.0, 95.0, 118.0], False, Shape.FLAT),  # what a busy machine does to a constant
        ([400.0, 200.0, 180.0, 190.0], False, Shape.FALLING),  # fuller batches
        ([400.0, 200.0, 180.0, 300.0], False, Shape.WRONG),  # falls, and then rises again
        ([100.0, 200.0, 300.0, 400.0], True, Shape.LINEAR),  # memory of what is remembered
        ([100.0, 200.0, 300.0, 400.0], False, Shape.WRONG),  # the same where nothing ought to grow
        ([100.0, 100.0, 100.0, 400.0], True, Shape.WRONG),  # no straight line
        ([100.0], False, Shape.FLAT),
    ],
)
def test_a_cost_is_flat_falling_linear_or_wrong(costs: list[float], may_grow: bool, shape: Shape) -> None:
    points = [(float(place), cost) for place, cost in enumerate(costs, 1)]

    assert shape_of_cost(points, may_grow=may_grow) is shape


def test_what_grows_with_the_square_is_wrong_where_it_may_grow() -> None:
    points = [(float(x), float(x**2)) for x in ACCOUNTS]

    assert shape_of_cost(points, may_grow=True) is Shape.WRONG


@pytest.mark.parametrize(
    ("goodputs", "shape"),
    [
        ([100.0, 1000.0, 980.0, 800.0], Shape.FLAT),
        ([100.0, 1000.0, 980.0, 799.0], Shape.WRONG),  # it collapses under what it refuses
        ([100.0, 1000.0, 500.0, 950.0], Shape.FLAT),  # the highest load is what counts
    ],
)
def test_goodput_must_not_collapse_at_the_highest_load(goodputs: list[float], shape: Shape) -> None:
    points = [(float(place), goodput) for place, goodput in enumerate(goodputs)]

    assert shape_of_goodput(points) is shape


@given(start=st.floats(0, 1e3), slope=st.floats(0.1, 1e3))
def test_a_straight_line_is_found_again(start: float, slope: float) -> None:
    points = [(float(x), start + slope * x) for x in (0, 1, 10, 100)]

    line = Line.through(points)

    assert line.misses(points) < 1e-6
    assert line.slope == pytest.approx(slope, rel=1e-6)


def test_a_sentence_says_the_word_the_ends_and_what_one_more_costs() -> None:
    memory = [(0.0, 70.0), (500_000.0, 140.0), (1_000_000.0, 210.0)]
    falling = [(1.0, 189.2), (1000.0, 68.84)]
    peak = [(1.0, 100.0), (10.0, 400.0), (100.0, 200.0)]
    valley = [(1.0, 378.0), (64.0, 178.0), (1000.0, 251.0)]
    climb = [(1.0, 100.0), (10.0, 101.0), (100.0, 200.0)]

    assert sentence_of_cost(memory, Shape.LINEAR, x="ids", unit="MiB", per=100_000.0) == (
        "Linear: 70 to 210 MiB from 0 to 1,000,000 ids; 100,000 more cost 14."
    )
    assert sentence_of_cost(falling, Shape.FALLING, x="items", unit="µs") == (
        "Falling: 189 to 68.8 µs from 1 to 1,000 items."
    )
    assert sentence_of_cost(peak, Shape.WRONG, x="connections", unit="µs") == (
        "Wrong: 100 to 200 µs from 1 to 100 connections, at most 400 at 10."
    )
    assert sentence_of_cost(valley, Shape.WRONG, x="connections", unit="µs") == (
        "Wrong: 378 to 251 µs from 1 to 1,000 connections, at least 178 at 64."
    )
    assert sentence_of_cost(climb, Shape.WRONG, x="connections", unit="µs") == (
        "Wrong: 100 to 200 µs from 1 to 100 connections."
    )


def test_a_sentence_of_goodput_says_what_is_left_of_the_best() -> None:
    points = [(1.0, 12_000.0), (9.8, 10_800.0)]

    assert sentence_of_goodput(points, Shape.FLAT) == (
        "Flat: at 9.8 times the capacity 10,800 items a second are accepted, 90 % of the best."
    )
