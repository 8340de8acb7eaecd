"""Counters and histograms that one thread alone moves, exposed as prometheus-client's own are.

A webhook is counted in some fifteen places. prometheus-client's objects take a lock at each, for any thread may use
them, and look through a histogram's buckets one by one: a tenth of what a webhook costs.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString

from relay.observability.metrics import Metric


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add `amount`."""
        self.value += amount


class Histogram:
    """How many values fell into each bucket, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Take the buckets' upper bounds, inclusive, without infinity."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


Child = TypeVar("Child")


class Children(dict[tuple[str, ...], Child], Generic[Child]):
    """The counters or histograms of one metric by their label values.

    Takes any key: a value outside the label's closed set counts under the empty value, so that
    the number of series stays bounded whatever is passed.
    """

    def __init__(self, make: Callable[[], Child], combinations: Iterable[tuple[str, ...]]) -> None:
        """Make a child for each of `combinations`, whose values close the labels' sets."""
        super().__init__()
        self._make = make
        self._closed: list[set[str]] = []
        self.add(combinations)

    def add(self, combinations: Iterable[tuple[str, ...]]) -> None:
        """Make a child for each of `combinations` too, and count their values among the closed sets."""
        self.update((values, self._make()) for values in combinations if values not in self)
        self._closed = [set(values) for values in zip(*self, strict=True)]

    def __missing__(self, key: tuple[str, ...]) -> Child:
        known = tuple(value if value in values else "" for value, values in zip(key, self._closed, strict=True))
        if known not in self:
            self[known] = self._make()
        return self[known]


class CounterCollector(Collector):
    """Shows a metric's counters to a registry, without the `_created` series that nobody here reads."""

    def __init__(self, metric: Metric, children: Children[Counter]) -> None:
        self._metric = metric
        self._children = children

    def describe(self) -> Iterable[Family]:
        """Give the metric without its series, by which a registry knows a name that is taken twice."""
        yield self._family()

    def collect(self) -> Iterator[Family]:
        """Give the metric with all its series."""
        family = self._family()
        for values, child in self._children.items():
            family.add_metric(values, child.value)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)


class HistogramCollector(Collector):
    """Shows a metric's histograms to a registry, without the `_created` series that nobody here reads."""

    def __init__(self, metric: Metric, children: Children[Histogram], unit: str) -> None:
        self._metric = metric
        self._children = children
        self._unit = unit
        self._bounds = [floatToGoString(bound) for bound in (*metric.buckets, INF)]  # type: ignore[no-untyped-call]

    def describe(self) -> Iterable[Family]:
        """Give the metric without its series, by which a registry knows a name that is taken twice."""
        yield self._family()

    def collect(self) -> Iterator[Family]:
        """Give the metric with all its series."""
        family = self._family()
        for values, child in self._children.items():
            counts = map(float, accumulate(child.counts))
            family.add_metric(values, list(zip(self._bounds, counts, strict=True)), child.total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels, unit=self._unit)
