"""The dashboard as a whole: its variables, annotations and rows, and the JSON that is committed."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.layout import placed
from deploy.grafana.promql import SERVICE, firing
from deploy.grafana.rows.dead_letters import dead_letters
from deploy.grafana.rows.kafka import kafka
from deploy.grafana.rows.latest import latest
from deploy.grafana.rows.overview import RUNBOOKS, overview
from deploy.grafana.rows.process import process
from deploy.grafana.rows.statuses import statuses
from deploy.grafana.rows.webhooks import webhooks
from deploy.grafana.shapes import DATASOURCE
from relay.observability.metrics import Catalogue

UID: Final = "sofy-relay"
"""Part of the dashboard's address, which alerts and people's bookmarks hold."""

_DEPLOY: Final = Path(__file__).parents[1]
COPIES: Final = (
    _DEPLOY / "grafana" / "dashboards" / f"{UID}.json",
    # kustomize reads no file from above the component that names it.
    _DEPLOY / "kustomize" / "components" / "monitoring" / "dashboards" / f"{UID}.json",
)
"""Every file that holds the dashboard."""

_INFO: Final = Catalogue.BUILD_INFO.name
_NEW_FOR: Final = "5m"
"""So long a version that has appeared is marked; longer than Grafana's step over a month."""


def canonical(dashboard: model.Dashboard) -> str:
    """Give the one text of a dashboard: sorted keys, two spaces, a final newline."""
    return json.dumps(dashboard, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def dashboard() -> model.Dashboard:
    """Give the dashboard of one deployment of the relay."""
    made = (
        build.Dashboard("Sofy Relay")
        .uid(UID)
        .version(0)
        .description("One deployment of the Sofy relay: webhooks in, Kafka records out. Made by deploy/grafana.")
        .tags(["sofy-relay", "kafka", "sms"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .links(_links())
        .variables(_variables())
        .annotations([_Annotation(annotation) for annotation in (_new_version(), _page())])
        .build()
    )
    made.panels = placed([overview(), webhooks(), kafka(), statuses(), dead_letters(), latest(), process()])
    return made


def _links() -> list[Builder[model.DashboardLink]]:
    runbooks = build.DashboardLink("Runbooks").type(model.DashboardLinkType.LINK).url(f"{RUNBOOKS}/README.md")
    return [runbooks.icon("doc").tooltip("What to do about each alert").target_blank(target_blank=True)]


def _variables() -> list[Builder[model.VariableModel]]:
    return [
        build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        _asked("namespace", "Namespace", f"label_values({_INFO}, namespace)").current(_only("sofy-relay")),
        _asked("job", "Job", f'label_values({_INFO}{{namespace="$namespace"}}, job)').current(_only("sofy-relay")),
        _several("pod", "Pod", f"label_values({_INFO}{{{SERVICE}}}, pod)"),
        _several("account", "Account", f"label_values({Catalogue.EVENTS_RECEIVED.name}{{{SERVICE}}}, account)"),
    ]


def _asked(name: str, label: str, query: str) -> build.QueryVariable:
    variable = build.QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    # Pods come and go while the dashboard is looked at.
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _several(name: str, label: str, query: str) -> build.QueryVariable:
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    variable = _asked(name, label, query).multi(multi=True).include_all(include_all=True).current(everything)
    # All takes in pods that are gone, and the empty account of requests that were not authenticated.
    return variable.all_value(".*")


def _only(value: str) -> model.VariableOption:
    return model.VariableOption(selected=True, text=value, value=value)


class _PrometheusAnnotation(model.AnnotationQuery):
    """An annotation with the words of Grafana's Prometheus plugin, which the model does not know."""

    def __init__(self, name: str, colour: str, expr: str, title: str) -> None:
        super().__init__(name=name, datasource=DATASOURCE, enable=True, icon_color=colour, expr=expr)
        self._title = title

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "step": "60s", "titleFormat": self._title}


class _Annotation(Builder[model.AnnotationQuery]):
    def __init__(self, annotation: model.AnnotationQuery) -> None:
        self._annotation = annotation

    def build(self) -> model.AnnotationQuery:
        return self._annotation


def _new_version() -> model.AnnotationQuery:
    now, before = (f"count by (version) ({_INFO}{{{SERVICE}}}{offset})" for offset in ("", f" offset {_NEW_FOR}"))
    return _PrometheusAnnotation("New version", "blue", f"{now} unless {before}", "{{version}} appeared")


def _page() -> model.AnnotationQuery:
    # Grafana draws no annotation at 0.
    return _PrometheusAnnotation("Pages", "red", f"{firing('page')} or on () vector(0)", "{{alertname}} fires")
