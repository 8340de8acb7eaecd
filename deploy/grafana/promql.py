"""Expressions over the catalogue's metrics, with the dashboard's variables as matchers. Pure text.

They take a declared `Metric`, never a name, so that one that was renamed cannot be left behind, and
refuse a label that it does not have.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from relay.observability.metrics import Catalogue, Metric

Words = str | Iterable[str] | None
"""A label's value, or several of them, or None for any but the empty one."""

SERVICE: Final = 'namespace="$namespace", job="$job"'
"""What every expression matches: one deployment of the relay."""
_PROJECTOR: Final = 'namespace="$namespace", job="${job}-projector"'
_PODS: Final = f'{SERVICE}, pod=~"$pod"'
_ACCOUNTS: Final = 'account=~"$account"'


def chosen(metric: Metric, part: str = "", /, **words: Words) -> str:
    """Give the metric's series of the chosen pods, and accounts where it has that label.

    Args:
        metric: a declared one.
        part: of a histogram, `bucket`, `count` or `sum`.
        words: the values that other labels may have.

    Raises:
        ValueError: the metric has no such label.
    """
    accounts = [_ACCOUNTS] if "account" in metric.labels else []
    return _series(metric, part, [_PODS, *accounts], words)


def whole(metric: Metric, part: str = "", /, **words: Words) -> str:
    """Give the metric's series of the whole service, whatever pods and accounts are chosen. As `chosen` else."""
    return _series(metric, part, [SERVICE], words)


def projectors(metric: Metric, part: str = "", /, **words: Words) -> str:
    """Give the series of the projector beside the service, all members of it: its job is the service's and a word."""
    return _series(metric, part, [_PROJECTOR], words)


def foreign(name: str, /, **words: Words) -> str:
    """Give a series of the chosen pods that prometheus-client exposes beside the catalogue."""
    return f"{name}{{{', '.join([_PODS, *_matchers(words)])}}}"


def of_kubernetes(name: str, /, **words: Words) -> str:
    """Give a series of kube-state-metrics about the chosen pods: its own job, so no job is matched."""
    matchers = ['namespace="$namespace"', 'pod=~"$pod"', *_matchers(words)]
    return f"{name}{{{', '.join(matchers)}}}"


def firing(severity: str) -> str:
    """Give the alerts of that severity that fire here, 1 for each name.

    Not every alert knows where it belongs: with all pods gone nothing tells the namespace, an autoscaler has no job.
    """
    here = 'namespace=~"$namespace|", job=~"$job|"'
    return (
        f'max by (alertname) (ALERTS{{alertname=~"SofyRelay.+", alertstate="firing", severity="{severity}", {here}}})'
    )


def rate(series: str) -> str:
    """Give how fast a counter grows, per second."""
    return f"rate({series}[$__rate_interval])"


def increase(series: str, over: str = "$__rate_interval") -> str:
    """Give by how much a counter grew."""
    return f"increase({series}[{over}])"


def total(expr: str, *by: str) -> str:
    """Give the sum, or one for each value of the labels."""
    return _folded("sum", expr, by)


def greatest(expr: str, *by: str) -> str:
    """Give the greatest, or one for each value of the labels."""
    return _folded("max", expr, by)


def percentiles(metric: Metric, *percents: int, **words: Words) -> dict[str, str]:
    """Give `percentile` for each of them, by its name: `p99`."""
    return {f"p{percent}": percentile(percent, metric, **words) for percent in percents}


def percentile(percent: int, metric: Metric, *by: str, **words: Words) -> str:
    """Give a percentile of a histogram over the chosen pods; absent, not NaN, where nothing was measured."""
    buckets = total(rate(chosen(metric, "bucket", **words)), *by, "le")
    return f"histogram_quantile({percent / 100:g}, {buckets}) >= 0"


def share(part: str, of: str) -> str:
    """Give the part's share, from 0 to 1; absent where there is nothing to have a share of."""
    return f"{part} / ({of} > 0)"


def worst(levels: Mapping[int, str]) -> str:
    """Give the highest level whose condition holds, else 0; absent where no pod tells anything.

    Args:
        levels: a comparison with `bool` for each level, so 1 where it holds and 0 where not; absent counts as 0.
    """
    steps = [f'label_replace({level} * ({holds}), "level", "{level}", "", "")' for level, holds in levels.items()]
    return "max(\n  " + "\n  or ".join([*steps, f"0 * {total(chosen(Catalogue.BUILD_INFO))}"]) + "\n)"


def _folded(operator: str, expr: str, by: Iterable[str]) -> str:
    labels = ", ".join(by)
    return f"{operator} by ({labels}) ({expr})" if labels else f"{operator}({expr})"


def _series(metric: Metric, part: str, matchers: Iterable[str], words: Mapping[str, Words]) -> str:
    unknown = words.keys() - {*metric.labels, "le"}
    if unknown:
        problem = (
            f"{metric.name} has no label {', '.join(sorted(unknown))}; it has {', '.join(metric.labels) or 'none'}"
        )
        raise ValueError(problem)
    name = f"{metric.name}_{part}" if part else metric.name
    return f"{name}{{{', '.join([*matchers, *_matchers(words)])}}}"


def _matchers(words: Mapping[str, Words]) -> list[str]:
    return [_matcher(label, value) for label, value in words.items()]


def _matcher(label: str, value: Words) -> str:
    match value:
        case None:
            return f'{label}!=""'
        case str():
            return f'{label}="{value}"'
        case _:
            return f'{label}=~"{"|".join(value)}"'
