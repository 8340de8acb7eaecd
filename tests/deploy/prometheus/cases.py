"""The cases of `deploy/prometheus/tests/`: which alert each has seen silent, and which firing. Pure but for reading."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

import yaml
from promql_parser import parse_duration

from tests.deploy.promql import selectors
from tests.deploy.tools import DEPLOY

FILES: Final = sorted((DEPLOY / "prometheus" / "tests").glob("*.yaml"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one case expects of one alert, in the order of time."""

    step: timedelta
    """Between two evaluations of the rules."""
    firing: tuple[tuple[timedelta, bool], ...]
    """When it was looked at, and whether it fires with the severity that was asked for."""

    @property
    def begins(self) -> bool:
        """Whether it was silent, and fires one step later."""
        return any(
            (then - now, before, after) == (self.step, False, True)
            for (now, before), (then, after) in pairwise(self.firing)
        )

    @property
    def silent(self) -> bool:
        """Whether it never fires."""
        return not any(fires for _, fires in self.firing)


def seen(alert: str, severity: str) -> list[Seen]:
    """Give what every case that looks at this alert expects of it."""
    return [found for step, case in _cases() if (found := Seen(step, _firing(case, alert, severity))).firing]


def asked_values() -> frozenset[str]:
    """Give the names of all series that some case expects a value of, or expects to be absent."""
    return frozenset(
        selector.metric
        for _, case in _cases()
        for each in case.get("promql_expr_test", ())
        for selector in selectors(each["expr"])
    )


def given_series() -> frozenset[str]:
    """Give every series that some case invents, as a selector with its labels."""
    return frozenset(each["series"] for _, case in _cases() for each in case["input_series"])


def _cases() -> Iterator[tuple[timedelta, dict[str, Any]]]:
    for path in FILES:
        file = yaml.safe_load(path.read_text())
        for case in file["tests"]:
            yield parse_duration(file["evaluation_interval"]), case


def _firing(case: dict[str, Any], alert: str, severity: str) -> tuple[tuple[timedelta, bool], ...]:
    looks = [each for each in case.get("alert_rule_test", ()) if each["alertname"] == alert]
    return tuple(
        sorted(
            (
                parse_duration(each["eval_time"]),
                any(expected["exp_labels"]["severity"] == severity for expected in each["exp_alerts"]),
            )
            for each in looks
        )
    )
