"""Each alert has its runbook, and the runbooks ask for what there is.

What they say of settings, commands, metrics and links is compared with the code by `tests.test_documents`.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from relay.reasons import Reason
from tests.deploy.exposed import FOREIGN, SCRAPED, known_series
from tests.deploy.promql import groupings, selectors
from tests.deploy.tools import DEPLOY
from tests.test_documents import blocks, rows, section

pytestmark = pytest.mark.ops

RUNBOOKS = sorted(path for path in (DEPLOY / "runbooks").glob("*.md") if path.name != "README.md")
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("**/*.yaml"))
HEADINGS = ["What it means", "Look at", "Do", "Do not"]
each_runbook = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)


def severities() -> dict[str, list[str]]:
    """Each alert's severities, in the order of its rules."""
    found = defaultdict(list)
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found[rule["alert"]].append(rule["labels"]["severity"])
    return dict(found)


def recorded() -> set[str]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


def unknown_names(expression: str) -> list[str]:
    """What an expression asks for and nobody gives: metrics, labels, words of a closed label."""
    known, found = known_series(), []
    for selector in selectors(expression):
        if selector.metric in FOREIGN or selector.metric in recorded():
            continue
        if selector.metric not in known:
            found.append(selector.metric)
            continue
        labels = known[selector.metric].labels
        for matcher in selector.matchers:
            if matcher.label in SCRAPED:
                continue
            words = matcher.values() or ()
            found += [word for word in words if word not in labels.get(matcher.label, ())]
    for grouping in groupings(expression):
        had = SCRAPED.union(*(known[each.metric].labels for each in grouping.selectors if each.metric in known))
        found += [label for label in grouping.labels if label not in had]
    return found


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS} == set(severities())


@each_runbook
def test_a_runbook_has_its_four_parts_none_of_them_empty(runbook: Path) -> None:
    text = runbook.read_text()

    assert re.findall(r"^# (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE) == [
        runbook.stem
    ]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert all(part.strip() for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:])


@each_runbook
def test_a_runbook_asks_for_what_there_is(runbook: Path) -> None:
    for expression in blocks(runbook, "promql"):
        assert unknown_names(expression) == [], expression


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ("sofy_relay_webhook_total", "sofy_relay_webhook_total"),
        ('sofy_relay_webhooks_total{outcome="lost"}', "lost"),
        ('sofy_relay_webhooks_total{result="deferred"}', "deferred"),
        ("sum by (partition) (sofy_relay_events_published_total)", "partition"),
        ("namespace_job:sofy_relay_webhooks_lost:ratio_rate5m", "namespace_job:sofy_relay_webhooks_lost:ratio_rate5m"),
    ],
)
def test_what_nobody_gives_is_found(expression: str, unknown: str) -> None:
    assert unknown_names(expression) == [unknown]


@each_runbook
def test_a_word_that_a_list_of_reasons_begins_with_is_one(runbook: Path) -> None:
    steps = re.findall(r"^\d\. ((?:`[a-z_]+`,? ?)+):", section(runbook, "Do"), re.MULTILINE)
    causes = {
        "topic_recreated",
        "unacknowledged",
        "addresses_changed",
        "sender_stopped",
        "metadata_stopped",
        "fatal_error",
    }

    for step in steps:
        assert set(re.findall(r"`([a-z_]+)`", step)) <= {reason.value for reason in Reason} | causes


def test_the_index_has_every_alert_with_its_severities() -> None:
    table = rows(section(DEPLOY / "runbooks" / "README.md", "All alerts"))

    listed = {re.findall(r"\[(\w+)\]\((\w+)\.md\)", row[0])[0]: row[1].split(", ") for row in table}

    assert listed == {(name, name): found for name, found in severities().items()}
