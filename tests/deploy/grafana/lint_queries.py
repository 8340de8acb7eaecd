"""What a dashboard's queries keep to, as functions from its JSON to sentences about what they do not. Pure.

They are read as Prometheus reads them, with a mark in the place of each of Grafana's variables.
"""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Final

from relay.observability.metrics import catalogue, projector_catalogue
from tests.deploy.exposed import OPEN, SCRAPED, known_series
from tests.deploy.grafana.lint import drawn
from tests.deploy.grafana.queries import Json, Query, filled, queries
from tests.deploy.promql import Matcher, Selector, groupings, selectors

FOREIGN: Final = {
    "ALERTS": {"alertname", "alertstate", "severity"},
    "kube_pod_container_status_restarts_total": {"container"},
}
"""What the dashboard asks of others, with its labels: Prometheus itself, and kube-state-metrics 2.x."""
WHOLE_SERVICE: Final = {
    "Availability budget",
    "Latency budget",
    "annotation New version",
    "variable pod",
    "variable account",
}
"""What is about the deployment, whatever pods are chosen."""
_MARKS: Final = {"namespace": "the-namespace", "job": "the-job", "pod": "the-pod", "account": "the-account"}
_NAMESPACE, _JOB = (Matcher(label, "=", _MARKS[label]) for label in ("namespace", "job"))
_PROJECTOR: Final = Matcher("job", "=", f"{_MARKS['job']}-projector")
_POD, _ACCOUNT = (Matcher(label, "=~", _MARKS[label]) for label in ("pod", "account"))
_RATE_INTERVAL: Final = timedelta(seconds=17)
_SHOWN: Final = timedelta(seconds=19)
_BUDGET: Final = timedelta(days=30)
_HISTOGRAM: Final = ("_bucket", "_count", "_sum")


def asked(dashboard: Json) -> Iterator[tuple[Query, Selector]]:
    """Give each selector, beside the query that it stands in."""
    for query in queries(dashboard):
        for selector in selectors(_marked(query)):
            yield query, selector


def ranges(dashboard: Json) -> Iterator[str]:
    """A rate is of Grafana's rate interval; an increase of that, of the time shown, or of the budget's month."""
    for query, selector in asked(dashboard):
        allowed = {_RATE_INTERVAL} if "rate" in selector.functions else {None, _RATE_INTERVAL, _SHOWN, _BUDGET}
        if selector.range not in allowed:
            yield f"{query}: {selector.metric} over {selector.range}, not over $__rate_interval"


def counters(dashboard: Json) -> Iterator[str]:
    """What only grows is shown by how it grows: the count since a pod's start says nothing."""
    for query, selector in asked(dashboard):
        grows = selector.metric.endswith(("_total", *_HISTOGRAM))
        growth = selector.functions[-1:] in {("rate",), ("increase",)}
        # A variable asks for the labels, not for the count.
        if grows and not growth and not query.panel_title.startswith("variable "):
            yield f"{query}: {selector.metric} without rate or increase"
        if growth and not grows:
            yield f"{query}: {selector.metric} is no counter"


def places(dashboard: Json) -> Iterator[str]:
    """Each query is about the chosen namespace, job, pods and accounts."""
    with_accounts = {name for name, each in known_series().items() if "account" in each.labels}
    for query, selector in asked(dashboard):
        wanted = _wanted(query.panel_title, selector.metric, has_account=selector.metric in with_accounts)
        missing = sorted(matcher.label for matcher in wanted - set(selector.matchers))
        if missing:
            yield f"{query}: {selector.metric} of any {' and '.join(missing)}"


def _wanted(title: str, metric: str, *, has_account: bool) -> set[Matcher]:
    if metric == "ALERTS":
        return {Matcher(label, "=~", f"{_MARKS[label]}|") for label in ("namespace", "job")}
    if metric.startswith(("kube_", "sofy_relay_projector_", "sofy_relay_stuck_")):
        # Of the projector all members are shown: the chosen pods are the relay's.
        return {_NAMESPACE, _POD if metric.startswith("kube_") else _PROJECTOR}
    # These two are what is chosen first, and second.
    if title == "variable namespace":
        return set()
    if title == "variable job":
        return {_NAMESPACE}
    if title in WHOLE_SERVICE:
        return {_NAMESPACE, _JOB}
    return {_NAMESPACE, _JOB, _POD, _ACCOUNT} if has_account else {_NAMESPACE, _JOB, _POD}


def names(dashboard: Json) -> Iterator[str]:
    """Metrics, labels and their values are those that the relay exposes, and the few of others."""
    known = known_series()
    for query, selector in asked(dashboard):
        if selector.metric not in {*known, *FOREIGN}:
            yield f"{query}: nothing exposes {selector.metric}"
            continue
        labels = known[selector.metric].labels if selector.metric in known else {}
        for matcher in selector.matchers:
            if matcher.label in SCRAPED | OPEN | FOREIGN.get(selector.metric, set()):
                continue
            if matcher.label not in labels:
                yield f"{query}: {selector.metric} has no label {matcher.label}"
                continue
            for value in set(matcher.values() or ()) - labels[matcher.label]:
                yield f"{query}: {selector.metric} never has {matcher.label}={value!r}"
            if matcher.values() is None:
                yield f"{query}: {matcher.label} by a pattern"
    for query in queries(dashboard):
        yield from _unknown_groups(query)


def of_others(dashboard: Json) -> Iterator[str]:
    """A panel that asks kube-state-metrics says so: it is empty where that is not scraped."""
    for panel in drawn(dashboard):
        asks = any("kube_" in target["expr"] for target in panel["targets"])
        if asks and "kube-state-metrics" not in panel["description"]:
            yield f"{panel['title']}: does not say that it needs kube-state-metrics"


def few(dashboard: Json) -> Iterator[str]:
    """All series or none: with topk they come and go as the time goes on."""
    for query in queries(dashboard):
        if "topk" in query.expr or "bottomk" in query.expr:
            yield f"{query}: topk"


def unshown(dashboard: Json, elsewhere: Collection[str]) -> Iterator[str]:
    """Every metric of the catalogue is shown here, or is among those asked for `elsewhere`."""
    seen = {*elsewhere, *(selector.metric for _, selector in asked(dashboard))}
    for metric in (*catalogue(), *projector_catalogue()):
        if not seen & {metric.name, *(metric.name + part for part in _HISTOGRAM)}:
            yield f"{metric.name} is in no panel and in no rule"


LINTS: Final = (ranges, counters, places, names, of_others, few)


def _marked(query: Query) -> str:
    return filled(
        query.expr,
        _MARKS,
        rate_interval=f"{_RATE_INTERVAL.seconds}s",
        time_range=f"{_SHOWN.seconds}s",
    )


def _unknown_groups(query: Query) -> Iterator[str]:
    known = known_series()
    for grouping in groupings(_marked(query)):
        there = {"le", *SCRAPED}
        for selector in grouping.selectors:
            there |= FOREIGN.get(selector.metric, set())
            there |= known[selector.metric].labels.keys() if selector.metric in known else set()
        for label in set(grouping.labels) - there:
            yield f"{query}: grouped by {label}, which no series has"
