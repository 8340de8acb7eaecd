"""The dashboard keeps to every rule, and each rule catches a mistake."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboard import COPIES
from tests.deploy.grafana import lint, lint_queries
from tests.deploy.grafana.queries import Json
from tests.deploy.promql import selectors
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

Lint = Callable[[Json], Iterator[str]]
Plant = Callable[[Json], None]
PLOT, TILE = "Webhooks by outcome", "Accepted"
CHOSEN = '{namespace="$namespace", job="$job", pod=~"$pod"}'
COUNTER = f"sofy_relay_late_acknowledgements_total{CHOSEN}"
REASONED = f"sofy_relay_publish_failures_total{CHOSEN[:-1]}"
COUNTED = f"sofy_relay_webhook_duration_seconds_count{CHOSEN}"


def committed() -> Json:
    """Give the dashboard as it is committed; each call a copy of its own."""
    read: Json = json.loads(COPIES[0].read_text(encoding="utf-8"))
    return read


def planted(*path: str | int, value: object) -> Plant:
    """Give what puts the value at the path."""

    *way, last = path

    def plant(dashboard: Json) -> None:
        at: Any = dashboard
        for step in way:
            at = at[step]
        at[last] = value

    return plant


def of(title: str, plant: Plant) -> Plant:
    """Give what plants it into the panel of that title."""
    return lambda dashboard: plant(next(each for each in dashboard["panels"] if each["title"] == title))


def asking(title: str, expr: str) -> Plant:
    """Give what makes the panel ask for something else."""
    return of(title, planted("targets", 0, "expr", value=expr))


@pytest.mark.parametrize("rule", [*lint.LINTS, *lint_queries.LINTS], ids=lambda rule: rule.__name__)
def test_the_dashboard_keeps_to_it(rule: Lint) -> None:
    assert list(rule(committed())) == []


MISTAKES: list[tuple[Lint, Plant, str]] = [
    (lint.identity, planted("id", value=7), "has an id"),
    (lint.identity, planted("uid", value="abc"), "uid is 'abc'"),
    (lint.identity, planted("version", value=3), "version is 3"),
    (lint.identity, planted("refresh", value=""), "refresh is ''"),
    (lint.identity, planted("tags", value=[]), "no tag"),
    (lint.identity, planted("links", value=[]), "no link to the runbooks"),
    (lint.words, of(PLOT, planted("title", value=TILE)), f"2 panels have the title '{TILE}'"),
    (lint.words, of(PLOT, planted("title", value=" ")), "the title ' '"),
    (lint.words, of(PLOT, planted("description", value="Webhooks by outcome.")), "no description"),
    (lint.words, of(PLOT, planted("fieldConfig", "defaults", "unit", value="")), "no unit"),
    (lint.datasources, of(PLOT, planted("datasource", "uid", value="p1")), f"{PLOT}: the data source"),
    (lint.datasources, of(PLOT, planted("targets", 0, "datasource", value=None)), f"{PLOT} A: the data source"),
    (
        lint.datasources,
        planted("templating", "list", 1, "datasource", value=None),
        "variable namespace: the data source",
    ),
    (lint.datasources, planted("annotations", "list", 0, "datasource", value=None), "annotation New version: the data"),
    (lint.grid, of(PLOT, planted("gridPos", "x", value=20)), "outside the grid"),
    (lint.grid, of(PLOT, planted("gridPos", "w", value=13)), f"{PLOT} lies over"),
    (lint.grid, of(PLOT, planted("gridPos", "w", value=11)), "a gap"),
    (lint.ids, of(PLOT, planted("id", value=101)), "2 panels have the id 101"),
    (lint.legends, of(PLOT, planted("options", "legend", "showLegend", value=False)), "no legend"),
    (lint.legends, of(PLOT, planted("targets", 0, "legendFormat", value="__auto")), "without a name"),
    (lint.legends, of(PLOT, planted("targets", 0, "legendFormat", value="{{reason}}")), "names reason"),
    (lint.tooltips, of(PLOT, planted("options", "tooltip", "mode", value="single")), "shows one series"),
    (lint.variables, planted("templating", "list", 3, "name", value="instance"), "variable instance: not used"),
    (lint.variables, planted("templating", "list", 4, "allValue", value=".+"), "variable account: All leaves out"),
    (lint.variables, asking(PLOT, 'rate(up{pod=~"$host"}[$__rate_interval])'), "$host is no variable"),
    (lint_queries.ranges, asking(PLOT, f"rate({COUNTER}[5m])"), "sofy_relay_late_acknowledgements_total over 0:05:00"),
    (lint_queries.ranges, asking(PLOT, f"rate({COUNTER}[$__range])"), "not over $__rate_interval"),
    (lint_queries.ranges, asking(PLOT, f"increase({COUNTER}[1h])"), "not over $__rate_interval"),
    (lint_queries.counters, asking(PLOT, f"sum({COUNTER})"), "without rate or increase"),
    (
        lint_queries.counters,
        asking(PLOT, f"sum(sofy_relay_event_age_seconds_bucket{CHOSEN})"),
        "without rate or increase",
    ),
    (lint_queries.counters, asking(PLOT, f"rate(sofy_relay_ready{CHOSEN}[$__rate_interval])"), "is no counter"),
    (lint_queries.places, asking(PLOT, "sofy_relay_ready"), "sofy_relay_ready of any job and namespace and pod"),
    (lint_queries.places, asking(PLOT, "sofy_relay_ready" + CHOSEN.replace('="$job"', '=~"$job"')), "of any job"),
    (lint_queries.places, asking(PLOT, f"rate(sofy_relay_webhooks_total{CHOSEN}[$__rate_interval])"), "of any account"),
    (lint_queries.names, asking(PLOT, f"sofy_relay_readiness{CHOSEN}"), "nothing exposes sofy_relay_readiness"),
    (lint_queries.names, asking(PLOT, f'sofy_relay_ready{CHOSEN[:-1]}, topics="a"}}'), "has no label topics"),
    (lint_queries.names, asking(PLOT, f'{COUNTED[:-1]}, outcome="lost"}}'), "never has outcome='lost'"),
    (lint_queries.names, asking(PLOT, f'{REASONED}, reason=~"accepted|draining"}}'), "never has reason='accepted'"),
    (lint_queries.names, asking(PLOT, f'{COUNTED[:-1]}, outcome=~"def.+"}}'), "outcome by a pattern"),
    (lint_queries.names, asking(PLOT, f"sum by (result) ({COUNTED})"), "grouped by result, which no series has"),
    (lint_queries.of_others, of("Container restarts", planted("description", value="")), "it needs kube-state-metrics"),
    (lint_queries.few, asking(PLOT, f"topk(5, {COUNTED})"), "topk"),
]


@pytest.mark.parametrize(("rule", "plant", "says"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_it_catches_a_mistake(rule: Lint, plant: Plant, says: str) -> None:
    dashboard = committed()

    plant(dashboard)

    assert says in "\n".join(rule(dashboard))


def test_each_metric_of_the_catalogue_is_in_a_panel_or_a_rule() -> None:
    assert list(lint_queries.unshown(committed(), asked_by_rules())) == []


def test_a_metric_that_nobody_looks_at_is_caught() -> None:
    dashboard = committed()
    dashboard["panels"] = [each for each in dashboard["panels"] if each["title"] != "Body size"]

    assert list(lint_queries.unshown(dashboard, ())) == ["sofy_relay_webhook_body_bytes is in no panel and in no rule"]


def asked_by_rules() -> set[str]:
    """Give the metrics that the rules of `deploy/prometheus` ask for."""
    files = (DEPLOY / "prometheus" / "rules").rglob("*.yaml")
    groups = [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return {found.metric for group in groups for rule in group["rules"] for found in selectors(rule["expr"])}
