"""One runbook an alert: it says what the rule says, asks for what exists, and knows each word that can come."""

import re
from pathlib import Path

import pytest
import yaml

from relay.publishing.replacement import Cause
from relay.reasons import MEANING, Kind, Reason
from tests.deploy.exposed import known_series
from tests.deploy.prometheus.asked import rules
from tests.deploy.runbooks import lint
from tests.deploy.runbooks.alerts import Alert, alerts, severities
from tests.deploy.runbooks.page import INDEX, RUNBOOKS, Page, names, page
from tests.deploy.tools import run, tool
from tests.test_documents import rows, section

pytestmark = pytest.mark.ops

UNAUTHORIZED = 401
SPOKEN = {
    "2m": "2 minutes",
    "5m": "5 minutes",
    "10m": "10 minutes",
    "15m": "15 minutes",
    "30m": "30 minutes",
    "1h": "an hour",
}
THRESHOLDS: dict[str, dict[float, str]] = {
    "SofyRelayAvailabilityBudgetBurn": {
        0.0144: "over 1.44 %",
        0.006: "over 0.6 %",
        0.003: "over 0.3 %",
        0.001: "over 0.1 %",
        10.0: "ten such webhooks",
    },
    "SofyRelayLatencyBudgetBurn": {
        0.144: "over 14.4 %",
        0.06: "over 6 %",
        0.03: "over 3 %",
        0.01: "over 1 %",
        10.0: "ten such webhooks",
    },
    "SofyRelayKafkaNotAcknowledging": {5.0: "over 5 s"},
    "SofyRelayDiscardRisk": {0.01: "Over 1 %", 3.0: "at least three"},
    "SofyRelayOnlyUnauthorized": {10.0: "at least ten"},
    "SofyRelaySignatureFailures": {20.0: "over 20 webhooks"},
    "SofyRelayEventAge": {600.0: "10 minutes", 10.0: "at least ten"},
    "SofyRelayCertificateExpiring": {2 * 86400.0: "within 2 days", 14 * 86400.0: "within 14 days"},
    "SofyRelayProducerRestarts": {3.0: "three times or more"},
    "SofyRelayEventLoopLag": {0.1: "0.1 s"},
    "SofyRelayMinInsyncReplicas": {2.0: "below 2"},
    "SofyRelayProjectorLag": {100000.0: "over 100,000 records", 600.0: "over 10 minutes"},
    "SofyRelayStuckSms": {0.01: "over 1 %", 10.0: "at least ten"},
    "SofyRelayNoWebhooks": {3600.0: "For an hour"},
}
"""The numbers that rules compare with, in the runbook's words; an alert that is not here has none."""


def reasons(kind: Kind, status: int | None = None) -> set[str]:
    """Give the reasons of a kind, or those of them with this status."""
    return {each.value for each in Reason if MEANING[each].kind is kind and status in {None, MEANING[each].status}}


ROWS = [
    ("SofyRelayAvailabilityBudgetBurn", "reason", reasons(Kind.DEFERRED)),
    ("SofyRelayOnlyUnauthorized", "reason", reasons(Kind.REFUSED, UNAUTHORIZED)),
    ("SofyRelayDeadLetters", "reason", reasons(Kind.DEAD_LETTERED)),
    ("SofyRelayProducerRestarts", "cause", {cause.value for cause in Cause} - {Cause.CREDENTIALS_CHANGED.value}),
]


def test_there_is_one_runbook_an_alert() -> None:
    assert names() == sorted(severities())


def test_each_alert_leads_to_its_own_runbook() -> None:
    for rule in (each for each in rules() if "alert" in each):
        assert rule["annotations"]["runbook_url"].endswith(f"/deploy/runbooks/{rule['alert']}.md")


def test_the_index_lists_each_alert_with_its_severity_and_a_sentence() -> None:
    table = rows(section(RUNBOOKS / f"{INDEX}.md", "All alerts"))

    listed = {f"[{name}]({name}.md)": severity for name, severity in severities().items()}
    assert {row[0]: row[1] for row in table} == listed
    assert len(table) == len(listed)
    assert [row[0] for row in table if not re.fullmatch(r"[A-Z].{10,}\.", row[2])] == []


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("rule", lint.LINTS, ids=lambda rule: rule.__name__)
def test_a_runbook_keeps_to_it(rule: lint.Lint, name: str) -> None:
    assert list(rule(page(name))) == []


@pytest.mark.parametrize(
    "rule", [each for each in lint.LINTS if each not in lint.OF_A_RUNBOOK], ids=lambda it: it.__name__
)
def test_the_index_keeps_to_what_is_not_about_one_alert(rule: lint.Lint) -> None:
    assert list(rule(page(INDEX))) == []


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_a_runbook_says_how_long_and_from_which_number_on(alert: Alert) -> None:
    means = " ".join(page(alert.name).sections()["What it means"].split())

    said = THRESHOLDS.get(alert.name, {})

    assert alert.thresholds() <= said.keys(), "a threshold that the runbook does not tell"
    assert [words for number, words in said.items() if number in alert.thresholds() and words not in means] == []
    assert not alert.held or SPOKEN[alert.held] in means


def test_no_threshold_is_told_that_no_rule_has() -> None:
    found: dict[str, set[float]] = {}
    for alert in alerts():
        found.setdefault(alert.name, set()).update(alert.thresholds())

    assert {name: set(numbers) for name, numbers in THRESHOLDS.items()} == {
        name: numbers for name, numbers in found.items() if numbers
    }


@pytest.mark.parametrize(("name", "head", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_a_table_has_a_row_for_every_word_that_can_come(name: str, head: str, expected: set[str]) -> None:
    assert page(name).first_column(head) == expected


def test_every_reason_for_which_a_record_can_fail_has_a_row() -> None:
    told = page("SofyRelayPublishFailing").first_column("reason")

    # Three are said of a whole webhook, before a record is handed over; the fourth becomes a dead letter.
    others = {Reason.OVERLOADED, Reason.BREAKER_OPEN, Reason.INTERNAL_ERROR, Reason.RECORD_TOO_LARGE}
    assert told == known_series()["sofy_relay_publish_failures_total"].labels["reason"] - others


def test_every_query_is_promql(tmp_path: Path) -> None:
    promtool = tool("promtool")

    assert run(promtool, "check", "rules", wrapped(tmp_path, *map(page, names()))).returncode == 0


def test_a_query_that_is_none_is_found(tmp_path: Path) -> None:
    promtool = tool("promtool")
    broken = Page("SofyRelayDown", "```promql\nsum by (pod (up)\n```\n")

    assert run(promtool, "check", "rules", wrapped(tmp_path, broken)).returncode != 0


def wrapped(folder: Path, *pages: Page) -> Path:
    """Write every query as a recording rule, which promtool reads; give the file."""
    queries = [query for each in pages for query in each.blocks("promql")]
    rules = [{"record": f"runbooks:query_{number}", "expr": query} for number, query in enumerate(queries)]
    path = folder / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}))
    return path
