"""promtool takes the rules and their unit tests; every alert was seen to fire and to be silent."""

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.prometheus import asked, cases
from tests.deploy.tools import run, tool

pytestmark = pytest.mark.ops

ALERTS = [rule for rule in asked.rules() if "alert" in rule]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")


def test_promtool_takes_the_rules_without_a_remark() -> None:
    done = run(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *asked.FILES)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", cases.FILES, ids=lambda path: path.stem)
def test_the_unit_tests_pass(file: Path) -> None:
    done = run(tool("promtool"), "test", "rules", file.name, cwd=file.parent)

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_refuses_an_alert_that_fires_unasked(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]")
    (tmp_path / "tests.yaml").write_text(
        "rule_files: [rules.yaml]\ntests: [{alert_rule_test: [{eval_time: 1m, alertname: A, exp_alerts: []}]}]"
    )

    done = run(tool("promtool"), "test", "rules", "tests.yaml", cwd=tmp_path)

    assert done.returncode != 0


@each_alert
def test_an_alert_was_seen_silent_and_one_step_later_firing(alert: dict[str, Any]) -> None:
    assert any(seen.begins for seen in cases.seen(alert["alert"], alert["labels"]["severity"]))


@each_alert
def test_an_alert_was_seen_silent_where_it_must_be(alert: dict[str, Any]) -> None:
    assert any(seen.silent for seen in cases.seen(alert["alert"], alert["labels"]["severity"]))


def test_an_alert_that_no_case_looks_at_was_seen_nowhere() -> None:
    assert cases.seen("SofyRelayDown", "page")
    assert cases.seen("SofyRelayDown", "ticket") == [
        seen for seen in cases.seen("SofyRelayDown", "ticket") if seen.silent
    ]
    assert cases.seen("SofyRelayUp", "page") == []


def test_each_recorded_series_has_a_case_that_knows_its_value() -> None:
    assert asked.RECORDED - cases.asked_values() == set()


@pytest.mark.parametrize("series", sorted(cases.given_series()))
def test_a_case_invents_only_what_a_relay_could_expose(series: str) -> None:
    assert asked.unknown_names(series) == []
