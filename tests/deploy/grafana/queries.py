"""Every PromQL expression of a dashboard: of its panels, its variables and its annotations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

_LABEL_VALUES: Final = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and where in the dashboard it stands."""

    panel_title: str
    """The panel's title, or `variable <name>`, or `annotation <name>`."""
    ref: str
    """The panel's own letter for it; empty for a variable or an annotation."""
    expr: str
    """PromQL, with Grafana's variables still in it."""

    def __str__(self) -> str:
        return f"{self.panel_title} {self.ref}".strip()


def panels(dashboard: Json) -> Iterator[Json]:
    """Give each panel in reading order, those inside a folded row too; rows themselves are panels of type `row`."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries(dashboard: Json) -> list[Query]:
    """Give every expression that Grafana would send to Prometheus, in reading order.

    A variable's `label_values(selector, label)`, which Grafana alone understands, becomes a `count by (label)`.
    """
    found = [
        Query(panel["title"], target["refId"], target["expr"])
        for panel in panels(dashboard)
        for target in panel.get("targets", ())
    ]
    found += [
        Query(f"variable {variable['name']}", "", _as_promql(_asked(variable["query"])))
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    found += [
        Query(f"annotation {annotation['name']}", "", annotation["expr"])
        for annotation in dashboard["annotations"]["list"]
        if "expr" in annotation
    ]
    return found


def filled(expr: str, variables: Mapping[str, str], rate_interval: str = "20s", time_range: str = "1m") -> str:
    """Give the expression as Grafana would send it.

    Args:
        expr: as it stands in the dashboard.
        variables: the dashboard's own, without the dollar; what a panel with several values chosen gets is a pattern.
        rate_interval: for `$__rate_interval` and `$__interval`; at least four scrapes long.
        time_range: for `$__range`, the time that the whole dashboard shows.

    Raises:
        KeyError: the expression names a variable that is not given.
    """
    values = {
        **variables,
        "__rate_interval": rate_interval,
        "__interval": rate_interval,
        "__range": time_range,
    }
    return VARIABLE.sub(lambda found: values[found["braced"] or found["bare"]], expr)


VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>\w+))")
"""A variable as Grafana finds it in a text: `$name`, `${name}` or `${name:format}`."""


def _asked(query: str | Json) -> str:
    text = query if isinstance(query, str) else query["query"]
    return str(text)


def _as_promql(query: str) -> str:
    found = _LABEL_VALUES.fullmatch(query)
    return query if found is None else f"count by ({found['label']}) ({found['selector']})"
