"""The rules are the agreed ones, say what they must, and ask for what a relay made from the code exposes."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.prometheus.generate import RUNBOOKS
from relay.observability.metrics import catalogue
from relay.reasons import MEANING
from tests.deploy.exposed import FOREIGN, SCRAPED, Known, known_series
from tests.deploy.prometheus.asked import RECORDED, recorded_labels, rules, unknown_names
from tests.deploy.promql import groupings, selectors
from tests.deploy.tools import DEPLOY

pytestmark = pytest.mark.ops

ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDS = [rule for rule in rules() if "record" in rule]
DASHBOARD = (DEPLOY / "grafana" / "dashboards" / "sofy-relay.json").read_text()
UNAUTHORIZED = 401
PAGE, TICKET = {"page"}, {"ticket"}
AGREED = {
    "SofyRelayAtMaximumReplicas": TICKET,
    "SofyRelayAvailabilityBudgetBurn": PAGE | TICKET,
    "SofyRelayBodyTooLarge": PAGE,
    "SofyRelayCertificateExpiring": PAGE | TICKET,
    "SofyRelayDeadLetters": TICKET,
    "SofyRelayDiscardRisk": PAGE,
    "SofyRelayDown": PAGE,
    "SofyRelayDuplicateWindowErrors": TICKET,
    "SofyRelayEventAge": TICKET,
    "SofyRelayEventLoopLag": TICKET,
    "SofyRelayItemsUnaccounted": TICKET,
    "SofyRelayKafkaNotAcknowledging": PAGE,
    "SofyRelayLatencyBudgetBurn": PAGE | TICKET,
    "SofyRelayMinInsyncReplicas": TICKET,
    "SofyRelayNoWebhooks": PAGE,
    "SofyRelayOnlyUnauthorized": PAGE,
    "SofyRelayPodNotReady": TICKET,
    "SofyRelayProducerRestarts": TICKET,
    "SofyRelayProjectorDown": TICKET,
    "SofyRelayProjectorLag": TICKET,
    "SofyRelayProjectorUnreadable": TICKET,
    "SofyRelayPublishFailing": TICKET,
    "SofyRelaySecretsStale": TICKET,
    "SofyRelaySignatureFailures": TICKET,
    "SofyRelayStuckSms": TICKET,
    "SofyRelayUnknownStatuses": TICKET,
    "SofyRelayUnreadableFields": TICKET,
    "SofyRelayVersionSkew": TICKET,
}
BURNING = {
    "page": [("14.4 * ", "5m", "1h"), ("6 * ", "30m", "6h")],
    "ticket": [("3 * ", "2h", "1d"), ("", "6h", "3d")],
}
"""How many times too fast, in which two windows."""
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
each_record = pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
each_rule = pytest.mark.parametrize(
    "rule", [*RECORDS, *ALERTS], ids=lambda rule: rule.get("record") or f"{rule['alert']} {rule['labels']['severity']}"
)


def test_the_alerts_are_the_agreed_ones_each_severity_once() -> None:
    found = defaultdict(list)
    for alert in ALERTS:
        found[alert["alert"]].append(alert["labels"]["severity"])

    assert {name: sorted(severities) for name, severities in found.items()} == {
        name: sorted(severities) for name, severities in AGREED.items()
    }


@each_alert
def test_an_alert_says_what_is_wrong_how_much_and_where_to_read_on(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]

    assert annotations["summary"].endswith(".")
    assert "{{ $value" in annotations["description"]
    assert annotations["runbook_url"] == f"{RUNBOOKS}/{alert['alert']}.md"
    assert annotations["dashboard_url"].endswith("/d/sofy-relay")


@each_alert
def test_an_alert_speaks_only_of_labels_that_it_keeps(alert: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
    kept = {label for grouping in groupings(alert["expr"]) for label in grouping.labels}
    kept = kept.union(*(recorded_labels(each.metric) for each in selectors(alert["expr"]) if each.metric in RECORDED))

    assert named <= kept


@each_rule
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    assert unknown_names(rule["expr"]) == []


@each_rule
def test_a_rule_asks_for_the_relays_job_alone(rule: dict[str, Any]) -> None:
    for selector in selectors(rule["expr"]):
        if selector.metric not in RECORDED:
            jobs = [matcher.value for matcher in selector.matchers if matcher.label == "job"]
            assert jobs in (
                [["kube-state-metrics"]]
                if selector.metric.startswith("kube_")
                else [["sofy-relay"], ["sofy-relay-projector"], ["sofy-relay(-projector)?"]]
            )


@each_rule
def test_what_only_grows_is_asked_for_its_growth(rule: dict[str, Any]) -> None:
    for selector in selectors(rule["expr"]):
        # The one that compares two counters of the same pod needs them as they stand.
        if (
            selector.metric.endswith(("_total", "_bucket", "_count"))
            and rule.get("alert") != "SofyRelayItemsUnaccounted"
        ):
            assert selector.functions[-1:] in {("rate",), ("increase",)}, selector


@each_record
def test_a_recorded_name_says_level_metric_and_operation(rule: dict[str, Any]) -> None:
    level, metric, operation = rule["record"].split(":")
    window = re.fullmatch(r"(?:ratio_rate|increase)(\d+[mhd])", operation)

    assert window is not None
    assert set(re.findall(r"\[(\w+)\]", rule["expr"])) == {window[1]}
    assert {"_".join(grouping.labels) for grouping in groupings(rule["expr"])} == {level}
    assert metric.startswith("sofy_relay_webhooks_")


def test_the_windows_of_a_recorded_series_differ_in_nothing_else() -> None:
    shapes = defaultdict(set)
    for rule in RECORDS:
        name, window = re.fullmatch(r"(.*?)(\d+[mhd])", rule["record"]).groups()  # type: ignore[union-attr]  # as tested above
        shapes[name].add(" ".join(rule["expr"].replace(f"[{window}]", "[…]").split()))

    assert {name: len(shape) for name, shape in shapes.items()} == dict.fromkeys(shapes, 1)


@pytest.mark.parametrize("severity", ["page", "ticket"])
@pytest.mark.parametrize(
    ("alert", "metric", "budget"),
    [
        ("SofyRelayAvailabilityBudgetBurn", "sofy_relay_webhooks_deferred", "0.001"),
        ("SofyRelayLatencyBudgetBurn", "sofy_relay_webhooks_slow", "0.01"),
    ],
)
def test_a_budget_burns_by_the_agreed_windows_and_factors(alert: str, metric: str, budget: str, severity: str) -> None:
    (found,) = (rule for rule in ALERTS if (rule["alert"], rule["labels"]["severity"]) == (alert, severity))
    name = f"namespace_job:{metric}"

    halves = [
        f"( {name}:ratio_rate{short} > {factor}{budget} and {name}:ratio_rate{long} > {factor}{budget}"
        f" and {name}:increase{long} >= 10 )"
        for factor, short, long in BURNING[severity]
    ]

    assert " ".join(found["expr"].split()) == " or ".join(halves)


def test_each_recorded_series_is_used() -> None:
    asked = {selector.metric for rule in ALERTS for selector in selectors(rule["expr"])}

    assert {name for name in RECORDED if name not in asked and name not in DASHBOARD} == set()


def test_each_series_of_others_is_asked_for() -> None:
    asked = {selector.metric for rule in ALERTS for selector in selectors(rule["expr"])}

    assert set(FOREIGN) <= asked


def test_only_unauthorized_counts_every_reason_that_is_answered_401() -> None:
    (rule,) = (rule for rule in RECORDS if ":sofy_relay_webhooks_unauthorized:" in rule["record"])
    (selector,) = selectors(rule["expr"])
    reasons = {word for matcher in selector.matchers if matcher.label == "reason" for word in matcher.values() or ()}

    assert reasons == {reason.value for reason, meaning in MEANING.items() if meaning.status == UNAUTHORIZED}


def used_of_the_catalogue() -> list[str]:
    asked = {selector.metric for rule in rules() for selector in selectors(rule["expr"])}
    names = [metric.name for metric in catalogue()]
    return [name for name in names if asked & {name, f"{name}_bucket", f"{name}_count", f"{name}_sum"}]


def unknown_in_all(known: Mapping[str, Known]) -> set[str]:
    """What any of the rules asks for in vain, of a relay that exposes `known`."""
    return {name for rule in rules() for name in unknown_names(rule["expr"], known)}


@pytest.mark.parametrize("name", used_of_the_catalogue())
def test_a_metric_that_the_code_alone_renames_is_missed(name: str) -> None:
    renamed = {series.replace(name, f"{name}_renamed"): known for series, known in known_series().items()}

    assert any(missed.startswith(name) for missed in unknown_in_all(renamed))


@pytest.mark.parametrize(
    ("series", "label", "value"),
    [
        ("sofy_relay_webhooks_total", "outcome", "deferred"),
        ("sofy_relay_webhooks_total", "outcome", "accepted"),
        ("sofy_relay_webhooks_total", "reason", "body_too_large"),
        ("sofy_relay_webhooks_total", "reason", "stale_timestamp"),
        ("sofy_relay_webhook_duration_seconds_bucket", "le", "1.0"),
        ("sofy_relay_publish_failures_total", "reason", "record_too_large"),
        ("sofy_relay_producer_restarts_total", "cause", "credentials_changed"),
    ],
)
def test_a_label_or_its_word_that_the_code_alone_renames_is_missed(series: str, label: str, value: str) -> None:
    known = known_series()
    labels = dict(known[series].labels)
    words = labels.pop(label)

    assert label in unknown_in_all(known | {series: Known({**labels, f"{label}_renamed": words})})
    assert value in unknown_in_all(known | {series: Known({**labels, label: words - {value}})})


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ("sofy_relay_webhook_total", "sofy_relay_webhook_total"),
        ("sofy_relay_webhook_duration_seconds", "sofy_relay_webhook_duration_seconds"),
        ('sofy_relay_webhooks_total{outcome="lost"}', "lost"),
        ('sofy_relay_webhooks_total{reason=~"no_leader|no_follower"}', "no_follower"),
        ('sofy_relay_webhooks_total{result="deferred"}', "result"),
        ('sofy_relay_webhook_duration_seconds_bucket{le="1.5"}', "1.5"),
        ("sum by (partition) (sofy_relay_events_published_total)", "partition"),
        (
            "namespace_job:sofy_relay_webhooks_lost:ratio_rate5m > 1",
            "namespace_job:sofy_relay_webhooks_lost:ratio_rate5m",
        ),
    ],
)
def test_what_nobody_gives_is_found(expression: str, unknown: str) -> None:
    assert unknown_names(expression) == [unknown]


def test_labels_that_scraping_gives_are_none_of_the_relays_own() -> None:
    assert not [name for name, known in known_series().items() if SCRAPED & known.labels.keys()]
