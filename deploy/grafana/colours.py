"""One colour for one word, wherever it is drawn: green is what should be, red is ours to mend, orange is theirs."""

from types import MappingProxyType
from typing import Final

from relay.events import Status
from relay.observability.metrics import WebhookOutcome
from relay.pipeline import Result

GOOD: Final = "green"
WARN: Final = "orange"
BAD: Final = "red"
NEUTRAL: Final = "blue"
PLAIN: Final = "text"

COLOURS: Final = MappingProxyType(
    {
        WebhookOutcome.ACCEPTED.value: GOOD,
        WebhookOutcome.PROBED.value: "super-light-blue",
        WebhookOutcome.REFUSED.value: WARN,
        WebhookOutcome.DEFERRED.value: BAD,
        WebhookOutcome.ABANDONED.value: "purple",
        Result.PUBLISHED.value: GOOD,
        Result.DUPLICATE.value: NEUTRAL,
        Result.OTHER.value: "super-light-green",
        Result.DEAD_LETTERED.value: WARN,
        Result.DEFERRED.value: BAD,
        Status.PENDING.value: "super-light-blue",
        Status.SENT.value: NEUTRAL,
        Status.DELIVERED.value: GOOD,
        Status.UNDELIVERED.value: WARN,
        Status.EXPIRED.value: "yellow",
        Status.REJECTED.value: "dark-orange",
        Status.FAILED.value: BAD,
        Status.CANCELLED.value: "purple",
        Status.UNKNOWN.value: "dark-purple",
        "p50": "super-light-blue",
        "p95": NEUTRAL,
        "p99": "dark-blue",
    }
)
"""Grafana's name of the colour for each outcome, result, status and percentile."""
