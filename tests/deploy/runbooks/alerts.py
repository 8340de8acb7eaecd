"""The alerts of `deploy/prometheus/rules/`, as far as a runbook repeats them."""

import re
from dataclasses import dataclass
from math import prod
from typing import Final

from tests.deploy.prometheus.asked import rules

_COMPARED: Final = re.compile(r"(?:>=|>|<) ((?:[\d.]+)(?: \* [\d.]+)*)(?![\w.(])")


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule; an alert that pages and files a ticket has two."""

    name: str
    severity: str
    expr: str
    held: str
    """For how long the condition must hold, as in the rule; empty: not at all."""

    def thresholds(self) -> set[float]:
        """Give the numbers that the expression compares with, but 0 and 1, which say only whether."""
        found = {prod(map(float, numbers.split(" * "))) for numbers in _COMPARED.findall(self.expr)}
        return {round(number, 6) for number in found - {0.0, 1.0}}


def alerts() -> list[Alert]:
    """Give every alerting rule, the optional ones too."""
    return [
        Alert(rule["alert"], rule["labels"]["severity"], rule["expr"], rule.get("for", ""))
        for rule in rules()
        if "alert" in rule
    ]


def severities() -> dict[str, str]:
    """Give each alert's severities, as the index writes them: `page`, `ticket`, or `page, ticket`."""
    found: dict[str, set[str]] = {}
    for alert in alerts():
        found.setdefault(alert.name, set()).add(alert.severity)
    return {name: ", ".join(sorted(each)) for name, each in found.items()}
