"""What rules, and the queries of runbooks, ask for: whether anybody gives it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from tests.deploy.exposed import FOREIGN, OPEN, SCRAPED, Known, known_series
from tests.deploy.promql import groupings, selectors
from tests.deploy.tools import DEPLOY

FILES: Final = sorted((DEPLOY / "prometheus" / "rules").glob("**/*.yaml"))


def rules() -> Iterator[dict[str, Any]]:
    """Give each rule of every file, the optional ones too."""
    for path in FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


RECORDED: Final = frozenset(rule["record"] for rule in rules() if "record" in rule)


def recorded_labels(name: str) -> frozenset[str]:
    """Give the labels that a recorded series keeps: its name begins with them, `level:metric:operation`."""
    return frozenset(name.split(":", maxsplit=1)[0].split("_"))


def unknown_names(expression: str, known: Mapping[str, Known] | None = None) -> list[str]:
    """What an expression asks for and nobody gives: metrics, labels, words of a closed label.

    Args:
        expression: PromQL.
        known: what there is; without it, what a relay made from the code exposes.
    """
    given = known_series() if known is None else known
    found: list[str] = []
    for selector in selectors(expression):
        if selector.metric in RECORDED or selector.metric in FOREIGN:
            continue
        if selector.metric not in given:
            found.append(selector.metric)
            continue
        labels = given[selector.metric].labels
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
            *(given[metric].labels for metric in asked if metric in given),
            *(FOREIGN[metric] for metric in asked if metric in FOREIGN),
            *(recorded_labels(metric) for metric in asked if metric in RECORDED),
        )
        found += [label for label in grouping.labels if label not in had]
    return found
