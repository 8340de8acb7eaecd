"""The first row tells the truth: what each tile says of what the pods tell, reckoned by Prometheus's own promtool."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboard import COPIES
from tests.deploy.grafana.queries import filled, panels
from tests.deploy.tools import run, tool

pytestmark = pytest.mark.ops

VARIABLES = {"namespace": "here", "job": "sofy-relay", "pod": ".*", "account": ".*"}
POD = 'namespace="here", job="sofy-relay", pod="a"'
STILL, ONE, GROWS, GROWS_SLOWLY = "0x20", "1x20", "0+2000x20", "0+1x20"

READY = f"sofy_relay_ready{{{POD}}}"
OTHER_READY = 'sofy_relay_ready{namespace="here", job="sofy-relay", pod="b"}'
INFO = f'sofy_relay_build_info{{{POD}, version="1.2.0", schema="1"}}'
ACCEPTED = f'sofy_relay_webhooks_total{{{POD}, account="default", outcome="accepted", reason=""}}'
BREAKER = f"sofy_relay_breaker_state{{{POD}}}"
OLDEST = f"sofy_relay_oldest_unacknowledged_seconds{{{POD}}}"
DEAD = f'sofy_relay_dead_letters_total{{{POD}, reason="invalid_json"}}'
UNKNOWN = f"sofy_relay_unknown_statuses_total{{{POD}}}"
UNREADABLE = f'sofy_relay_unreadable_fields_total{{{POD}, field="price"}}'


def deferred(reason: str) -> str:
    return f'sofy_relay_webhooks_total{{{POD}, account="default", outcome="deferred", reason="{reason}"}}'


def refused(reason: str) -> str:
    return f'sofy_relay_webhooks_total{{{POD}, account="", outcome="refused", reason="{reason}"}}'


def age(le: str) -> str:
    return f'sofy_relay_event_age_seconds_bucket{{{POD}, le="{le}"}}'


def answered(outcome: str, part: str = "count", le: str = "") -> str:
    bound = f', le="{le}"' if le else ""
    return f'sofy_relay_webhook_duration_seconds_{part}{{{POD}, outcome="{outcome}"{bound}}}'


def alert(name: str, severity: str, place: str = 'namespace="here", job="sofy-relay"') -> str:
    return f'ALERTS{{alertname="{name}", alertstate="firing", severity="{severity}", {place}}}'


FINE: dict[str, str] = {
    **dict.fromkeys((READY, OTHER_READY, INFO), ONE),
    **dict.fromkeys((ACCEPTED, answered("accepted"), answered("accepted", "bucket", "1.0")), GROWS),
    **dict.fromkeys((age("1.0"), age("60.0"), age("600.0"), age("+Inf")), GROWS),
    **dict.fromkeys((BREAKER, OLDEST, answered("deferred")), STILL),
    **dict.fromkeys((deferred("internal_error"), deferred("overloaded"), deferred("no_leader")), STILL),
    **dict.fromkeys((refused("body_too_large"), refused("unknown_token"), DEAD, UNKNOWN, UNREADABLE), STILL),
}
GONE: dict[str, str] = {}


@pytest.mark.parametrize(
    ("tile", "told", "says"),
    [
        ("Relay", FINE, "Fine"),
        ("Relay", FINE | {OTHER_READY: STILL}, "Pods missing"),
        ("Relay", FINE | {deferred("overloaded"): GROWS_SLOWLY}, "Overloaded"),
        ("Relay", FINE | {deferred("internal_error"): GROWS_SLOWLY}, "Internal error"),
        ("Relay", FINE | {READY: STILL, OTHER_READY: STILL}, "No pod ready"),
        ("Relay", GONE, "No pod ready"),
        ("Relay", FINE | {deferred("no_leader"): GROWS}, "Fine"),  # Kafka's fault
        ("Kafka", FINE, "Fine"),
        ("Kafka", FINE | {OLDEST: "2.5x20"}, "Slow"),
        ("Kafka", FINE | {BREAKER: "1x20"}, "Breaker half-open"),
        ("Kafka", FINE | {deferred("no_leader"): GROWS_SLOWLY}, "Failing"),
        ("Kafka", FINE | {BREAKER: "2x20", deferred("no_leader"): GROWS}, "Breaker open"),
        ("Kafka", FINE | {deferred("overloaded"): GROWS}, "Fine"),  # ours
        ("Kafka", GONE, None),
        ("Sofy", FINE, "Fine"),
        ("Sofy", FINE | {age("1.0"): STILL, age("60.0"): STILL}, "Replaying"),
        ("Sofy", FINE | {UNKNOWN: GROWS_SLOWLY}, "Unreadable"),
        ("Sofy", FINE | {DEAD: GROWS_SLOWLY}, "Unreadable"),
        ("Sofy", FINE | {UNREADABLE: GROWS_SLOWLY}, "Unreadable"),
        ("Sofy", FINE | {refused("unknown_token"): GROWS_SLOWLY}, "Fine"),  # a stranger among many
        ("Sofy", FINE | {refused("unknown_token"): GROWS, ACCEPTED: STILL}, "Refused"),
        ("Sofy", FINE | {refused("body_too_large"): GROWS_SLOWLY}, "Too large"),
        ("Sofy", GONE, None),
    ],
)
def test_a_verdict_names_whose_fault_it_is(
    tmp_path: Path, tile: str, told: Mapping[str, str], says: str | None
) -> None:
    words = drawn(tile)["fieldConfig"]["defaults"]["mappings"][0]["options"]
    values = [float(value) for value, shown in words.items() if shown["text"] == says]

    assert len(values) == (says is not None)
    reckoned(tmp_path, tile, told, [{"labels": "{}", "value": value} for value in values])


@pytest.mark.parametrize(
    ("tile", "told", "value"),
    [
        ("Availability", FINE, 1),
        ("Availability", FINE | {deferred("no_leader"): GROWS}, 0.5),
        ("Availability", FINE | {refused("unknown_token"): GROWS}, 1),  # the sender's fault is not ours
        ("Availability", FINE | {ACCEPTED: STILL}, None),  # no traffic is neither good nor bad
        ("Availability budget", FINE, 1),
        ("Availability budget", FINE | {answered("deferred"): GROWS_SLOWLY}, 0.5),
        ("Availability budget", FINE | {answered("deferred"): GROWS}, -499),
        ("Latency budget", FINE, 1),
        ("Latency budget", FINE | {answered("accepted", "bucket", "1.0"): "0+1990x20"}, 0.5),
        ("Pods", FINE, 2),
        ("Pods", GONE, 0),
    ],
)
def test_a_number_is_right(tmp_path: Path, tile: str, told: Mapping[str, str], value: float | None) -> None:
    reckoned(tmp_path, tile, told, [] if value is None else [{"labels": "{}", "value": value}])


@pytest.mark.parametrize(
    ("alerts", "shown"),
    [
        ((), {"none": 0}),
        ((alert("SofyRelayDeadLetters", "ticket"),), {"SofyRelayDeadLetters": 1}),
        ((alert("SofyRelayDown", "page", 'job="sofy-relay"'),), {"SofyRelayDown": 2}),  # nothing tells the namespace
        ((alert("SofyRelayDeadLetters", "ticket", 'namespace="there", job="sofy-relay"'),), {"none": 0}),
        (
            (alert("SofyRelayLatencyBudgetBurn", "ticket"), alert("SofyRelayLatencyBudgetBurn", "page")),
            {"SofyRelayLatencyBudgetBurn": 2},
        ),
    ],
)
def test_the_alerts_that_fire_here_are_shown(tmp_path: Path, alerts: tuple[str, ...], shown: dict[str, int]) -> None:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": value} for name, value in shown.items()]

    reckoned(tmp_path, "Firing alerts", dict.fromkeys(alerts, ONE), samples)


def reckoned(folder: Path, tile: str, told: Mapping[str, str], samples: list[dict[str, object]]) -> None:
    """Assert that promtool, told these series, gives the tile's first query these values, to a hundredth."""
    query = filled(drawn(tile)["targets"][0]["expr"], VARIABLES, rate_interval="2m", time_range="5m")
    test = {
        "interval": "30s",
        "input_series": [{"series": series, "values": values} for series, values in told.items()],
        "promql_expr_test": [
            {
                "expr": f"round(({query}), 0.01)",
                "eval_time": "9m",
                "exp_samples": samples,
            }
        ],
    }
    path = folder / "tile.yaml"
    path.write_text(yaml.safe_dump({"tests": [test]}))

    done = run(tool("promtool"), "test", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr


def drawn(title: str) -> dict[str, Any]:
    dashboard = json.loads(COPIES[0].read_text(encoding="utf-8"))
    return next(panel for panel in panels(dashboard) if panel["title"] == title)
