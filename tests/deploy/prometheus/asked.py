"""What rules, and the queries of runbooks, ask for: whether anybody gives it."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from tests.deploy.exposed import FOREIGN, OPEN, SCRAPED, known_series
from tests.deploy.promql import groupings, selectors
from tests.deploy.tools import DEPLOY

FILES: Final = sorted((DEPLOY / "prometheus" / "rules").glob("**/*.yaml"))


def rules() -> Iterator[dict[str, Any]]:
    for path in FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


RECORDED: Final = frozenset(rule["record"] for rule in rules() if "record" in rule)


def unknown_names(expression: str) -> list[str]:
    """What an expression asks for and nobody gives: metrics, labels, words of a closed label."""
    known, found = known_series(), []
    for selector in selectors(expression):
        if selector.metric in RECORDED or selector.metric in FOREIGN:
            continue
        if selector.metric not in known:
            found.append(selector.metric)
            continue
        labels = known[selector.metric].labels
        for matcher in selector.matchers:
            if matcher.label in SCRAPED:
                continue
            words = labels.get(matcher.label)
            if words is None:
                found.append(matcher.label)
            elif matcher.label not in OPEN:
                found += [word for word in matcher.values() or () if word not in words]
    for grouping in groupings(expression):
        asked = [each.metric for each in grouping.selectors]
        had = SCRAPED.union(
            *(known[metric].labels for metric in asked if metric in known),
            *(FOREIGN[metric] for metric in asked if metric in FOREIGN),
        )
        found += [label for label in grouping.labels if label not in had]
    return found
