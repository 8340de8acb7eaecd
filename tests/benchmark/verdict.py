"""Whether a cost stays, grows in proportion, or does something worse: judged from its points by rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FLAT_WITHIN: Final = 1.25
"""The dearest over the cheapest point of a cost that does not change: what a busy machine adds is below it."""
LINEAR_WITHIN: Final = 0.1
"""How far a point may lie from the straight line, as a share of the dearest point."""
HELD: Final = 0.8
"""The share of the best throughput that the highest load must still get."""

Points = Sequence[tuple[float, float]]


class Shape(StrEnum):
    """What a curve does."""

    FLAT = "flat"
    FALLING = "falling"
    LINEAR = "linear"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through points, by least squares."""

    start: float
    slope: float

    @classmethod
    def through(cls, points: Points) -> "Line":
        """Fit it; with all points at one place it is level."""
        x_mean = sum(x for x, _ in points) / len(points)
        y_mean = sum(y for _, y in points) / len(points)
        spread = sum((x - x_mean) ** 2 for x, _ in points)
        slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0
        return cls(y_mean - slope * x_mean, slope)

    def misses(self, points: Points) -> float:
        """Give the largest distance of a point from it, as a share of the largest value."""
        largest = max(abs(y) for _, y in points) or 1.0
        return max(abs(y - self.start - self.slope * x) for x, y in points) / largest


def shape_of_cost(points: Points, *, may_grow: bool = False) -> Shape:
    """Judge a cost, in the order of its points.

    Flat: no point is much dearer than another. Falling: it never rises much above the cheapest before.
    Linear: it grows along a straight line, where it may. Else it is wrong.
    """
    costs = [y for _, y in points]
    if max(costs) <= FLAT_WITHIN * min(costs):
        return Shape.FLAT
    if all(cost <= FLAT_WITHIN * min(costs[: place + 1]) for place, cost in enumerate(costs)):
        return Shape.FALLING
    if may_grow and Line.through(points).misses(points) <= LINEAR_WITHIN:
        return Shape.LINEAR
    return Shape.WRONG


def shape_of_goodput(points: Points) -> Shape:
    """Judge a throughput under growing load: flat where the highest load still gets its share of the best."""
    goodputs = [y for _, y in points]
    return Shape.FLAT if goodputs[-1] >= HELD * max(goodputs) else Shape.WRONG


def sentence_of_cost(points: Points, shape: Shape, *, x: str, unit: str, per: float = 1.0) -> str:
    """Say what a cost does, for a reader; `per` is how many of `x` a slope is told for."""
    (first_x, first), (last_x, last) = points[0], points[-1]
    costs = [y for _, y in points]
    span = f"from {_number(first_x)} to {_number(last_x)} {x}"
    match shape:
        case Shape.FLAT:
            return f"Flat: {_number(min(costs))} to {_number(max(costs))} {unit} {span}."
        case Shape.FALLING:
            return f"Falling: {_number(first)} to {_number(last)} {unit} {span}."
        case Shape.LINEAR:
            slope = Line.through(points).slope * per
            more = "one more" if per == 1.0 else f"{_number(per)} more"
            return f"Linear: {_number(first)} to {_number(last)} {unit} {span}; {more} cost {_number(slope)}."
        case Shape.WRONG:
            return f"Wrong: {_number(first)} to {_number(last)} {unit} {span}{_turns(points)}."


def _turns(points: Points) -> str:
    """Say where a curve is highest and lowest, unless that is at one of its ends."""
    inner = points[1:-1]
    ends = (points[0][1], points[-1][1])
    highest = max(inner, key=lambda point: point[1], default=points[0])
    lowest = min(inner, key=lambda point: point[1], default=points[0])
    most = f", at most {_number(highest[1])} at {_number(highest[0])}" if highest[1] > max(ends) else ""
    least = f", at least {_number(lowest[1])} at {_number(lowest[0])}" if lowest[1] < min(ends) else ""
    return most + least


def sentence_of_goodput(points: Points, shape: Shape) -> str:
    """Say what a throughput does under growing load, for a reader."""
    last_x, last = points[-1]
    best = max(y for _, y in points)
    word = "Flat" if shape is Shape.FLAT else "Wrong"
    return (
        f"{word}: at {_number(last_x)} times the capacity {_number(last)} items a second are accepted, "
        f"{100 * last / best:.0f} % of the best."
    )


def _number(value: float) -> str:
    """Give three digits, and thousands set apart."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 or rounded == int(rounded) else f"{rounded:g}"
