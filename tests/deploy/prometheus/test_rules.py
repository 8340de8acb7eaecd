"""The rules are sound, each alert was seen to fire and to be silent, and all of them ask for what there is."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus.generate import OUTPUT, RUNBOOKS, prometheus_rule
from tests.deploy.prometheus.asked import FILES, RECORDED, rules, unknown_names
from tests.deploy.promql import selectors
from tests.deploy.tools import DEPLOY, run, tool

pytestmark = pytest.mark.ops

PROMETHEUS = DEPLOY / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
DASHBOARD = (DEPLOY / "grafana" / "dashboards" / "sofy-relay.json").read_text()


ALERTS = [rule for rule in rules() if "alert" in rule]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")


def test_promtool_takes_the_rules_without_a_remark() -> None:
    done = run(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *FILES)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tests", TESTS, ids=lambda path: path.stem)
def test_the_unit_tests_pass(tests: Path) -> None:
    done = run(tool("promtool"), "test", "rules", tests.name, cwd=tests.parent)

    assert done.returncode == 0, done.stdout + done.stderr


@each_alert
def test_an_alert_was_seen_to_be_silent_then_to_fire_and_to_be_silent_where_it_must(alert: dict[str, Any]) -> None:
    cases = [test for path in TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    told = Counter[str]()
    for case in cases:
        here = [each for each in case["alert_rule_test"] if each["alertname"] == alert["alert"]]
        fires = [bool(_of_severity(each["exp_alerts"], alert)) for each in here]
        if fires == [False, True]:
            told["silent, then firing"] += 1
        elif fires and not any(fires):
            told["silent"] += 1

    assert told["silent, then firing"] >= 1
    assert told["silent"] >= 1


def _of_severity(expected: list[dict[str, Any]], alert: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in expected if each["exp_labels"]["severity"] == alert["labels"]["severity"]]


@each_alert
def test_an_alert_says_what_is_wrong_how_much_and_where_to_read_on(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]

    assert annotations["summary"].endswith(".")
    assert "{{ $value" in annotations["description"]
    assert annotations["runbook_url"] == f"{RUNBOOKS}/{alert['alert']}.md"
    assert annotations["dashboard_url"].endswith("/d/sofy-relay")
    assert alert["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    assert unknown_names(rule["expr"]) == []


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_the_relays_job_alone(rule: dict[str, Any]) -> None:
    for selector in selectors(rule["expr"]):
        if selector.metric not in RECORDED:
            jobs = [matcher.value for matcher in selector.matchers if matcher.label == "job"]
            assert jobs == ["kube-state-metrics" if selector.metric.startswith("kube_") else "sofy-relay"]


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


def test_each_recorded_series_is_used() -> None:
    asked = {selector.metric for rule in ALERTS for selector in selectors(rule["expr"])}

    assert {name for name in RECORDED if name not in asked and name not in DASHBOARD} == set()


def test_the_prometheus_rule_is_what_its_generator_makes_of_the_rules() -> None:
    assert OUTPUT.read_text() == prometheus_rule(), "run `make manifests`"


def test_the_optional_rules_are_left_out_of_it() -> None:
    manifest = yaml.safe_load(OUTPUT.read_text())
    there = {rule.get("alert") for group in manifest["spec"]["groups"] for rule in group["rules"]}

    assert "SofyRelayNoWebhooks" not in there
    assert "SofyRelayDown" in there


def test_the_links_can_lead_elsewhere() -> None:
    made = prometheus_rule("https://wiki.example/relay", "https://graphs.example/d")

    assert "https://wiki.example/relay/SofyRelayDown.md" in made
    assert "https://graphs.example/d/sofy-relay" in made
    assert RUNBOOKS not in made
