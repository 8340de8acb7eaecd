"""What a good dashboard keeps to, as functions from its JSON to sentences about what it does not. Pure.

Here is what Grafana draws; what it asks Prometheus for is judged by `tests.deploy.grafana.lint_queries`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from tests.deploy.grafana.queries import VARIABLE, Json, panels, queries

WIDTH: Final = 24
PROMETHEUS: Final = {"type": "prometheus", "uid": "${datasource}"}
_PLOTS: Final = {"timeseries", "state-timeline"}
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")
_BY: Final = re.compile(r"\bby \(([^)]*)\)")


def drawn(dashboard: Json) -> Iterator[Json]:
    """Give each panel that shows something: all but the rows' titles."""
    return (panel for panel in panels(dashboard) if panel["type"] != "row")


def identity(dashboard: Json) -> Iterator[str]:
    """It has a stable uid and nothing that one Grafana gave it; it refreshes, and leads to the runbooks."""
    if "id" in dashboard:
        yield "the dashboard has an id, which one Grafana's database gave it"
    for key, wanted in {"uid": "sofy-relay", "title": "Sofy Relay", "version": 0, "refresh": "30s"}.items():
        if dashboard.get(key) != wanted:
            yield f"{key} is {dashboard.get(key)!r}, not {wanted!r}"
    if "sofy-relay" not in dashboard.get("tags", ()):
        yield "no tag sofy-relay"
    if not any(link["url"].endswith("/deploy/runbooks/README.md") for link in dashboard.get("links", ())):
        yield "no link to the runbooks"


def words(dashboard: Json) -> Iterator[str]:
    """Each panel has a title of its own, a description in sentences, and a unit."""
    for title, times in Counter(panel["title"] for panel in panels(dashboard)).items():
        if times > 1 or not title.strip():
            yield f"{times} panels have the title {title!r}"
    for panel in drawn(dashboard):
        description = panel.get("description", "")
        if len(description.split()) < 8 or not description.endswith("."):
            yield f"{panel['title']}: no description that says what to do"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']}: no unit"


def datasources(dashboard: Json) -> Iterator[str]:
    """Everything asks the Prometheus that was chosen."""
    asking = [(panel["title"], panel) for panel in drawn(dashboard)]
    asking += [
        (f"{panel['title']} {target['refId']}", target) for panel in drawn(dashboard) for target in panel["targets"]
    ]
    asking += [(f"variable {each['name']}", each) for each in _variables(dashboard) if each["type"] == "query"]
    asking += [(f"annotation {each['name']}", each) for each in dashboard["annotations"]["list"]]
    for name, each in asking:
        if each.get("datasource") != PROMETHEUS:
            yield f"{name}: the data source is not the variable's"


def grid(dashboard: Json) -> Iterator[str]:
    """Panels fill the grid: no overlap, no gap, nothing outside."""
    placed = [(panel["title"], panel["gridPos"]) for panel in panels(dashboard)]
    for title, at in placed:
        if at["x"] < 0 or at["x"] + at["w"] > WIDTH:
            yield f"{title}: outside the grid"
    for (one, here), (other, there) in combinations(placed, 2):
        if _overlap(here, there):
            yield f"{one} lies over {other}"
    height = max(at["y"] + at["h"] for _, at in placed)
    if sum(at["w"] * at["h"] for _, at in placed) < WIDTH * height:
        yield "the grid has a gap"


def ids(dashboard: Json) -> Iterator[str]:
    """Each panel has an id of its own: links to a panel hold it."""
    for number, times in Counter(panel["id"] for panel in panels(dashboard)).items():
        if times > 1:
            yield f"{times} panels have the id {number}"


def legends(dashboard: Json) -> Iterator[str]:
    """A plot shows its legend; each series has a name, made of labels that its query keeps."""
    for panel in drawn(dashboard):
        if panel["type"] in _PLOTS and not panel["options"]["legend"]["showLegend"]:
            yield f"{panel['title']}: no legend"
        for target in panel["targets"]:
            legend = target.get("legendFormat", "")
            if not legend or legend == "__auto":
                yield f"{panel['title']} {target['refId']}: series without a name"
            kept = {label for by in _BY.findall(target["expr"]) for label in re.split(r",\s*", by)}
            for label in set(_LABEL.findall(legend)) - kept:
                yield f"{panel['title']} {target['refId']}: the legend names {label}, which the query does not keep"


def tooltips(dashboard: Json) -> Iterator[str]:
    """A plot's tooltip shows all series of a moment."""
    for panel in drawn(dashboard):
        if panel["type"] in _PLOTS and panel["options"]["tooltip"]["mode"] != "multi":
            yield f"{panel['title']}: the tooltip shows one series"


def variables(dashboard: Json) -> Iterator[str]:
    """The variables are those that are known, each is used, and All means every value, the empty one too."""
    names = [each["name"] for each in _variables(dashboard)]
    if names != ["datasource", "namespace", "job", "pod", "account"]:
        yield f"the variables are {', '.join(names)}"
    used = {found["braced"] or found["bare"] for query in queries(dashboard) for found in VARIABLE.finditer(query.expr)}
    for each in _variables(dashboard):
        if each["name"] not in {*used, "datasource"}:
            yield f"variable {each['name']}: not used"
        if each.get("includeAll") and each.get("allValue") != ".*":
            yield f"variable {each['name']}: All leaves out the empty value"
    for name in used - {*names, "__rate_interval", "__range", "__interval"}:
        yield f"${name} is no variable"


LINTS: Final = (identity, words, datasources, grid, ids, legends, tooltips, variables)


def _variables(dashboard: Json) -> list[Json]:
    found: list[Json] = dashboard["templating"]["list"]
    return found


def _overlap(here: Json, there: Json) -> bool:
    return bool(
        here["x"] < there["x"] + there["w"]
        and there["x"] < here["x"] + here["w"]
        and here["y"] < there["y"] + there["h"]
        and there["y"] < here["y"] + here["h"]
    )
