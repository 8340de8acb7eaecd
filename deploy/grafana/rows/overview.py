"""The first row: is it fine, and if not, whose fault is it?"""

from http import HTTPStatus
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import BAD, GOOD, WARN
from deploy.grafana.layout import Line, Row, even
from deploy.grafana.promql import chosen, firing, greatest, increase, percentile, rate, share, total, whole, worst
from deploy.grafana.shapes import ANSWER_BAD_S, ANSWER_WARN_S, Ask, thresholds_of, tile, verdict
from relay.observability.metrics import Catalogue, WebhookOutcome
from relay.reasons import MEANING, Kind, Reason

RUNBOOKS: Final = "https://github.com/sofy-relay/sofy-relay/blob/main/deploy/runbooks"
AVAILABILITY_OBJECTIVE: Final = 0.999
LATENCY_OBJECTIVE: Final = 0.99
LATENCY_WITHIN: Final = "1.0"
"""Seconds, as the bucket says it."""
BUDGET_PERIOD: Final = "30d"
_OLD_S: Final = 60
"""A status event older than this was replayed, or waited at Sofy."""
_SLOW_S: Final = 2
"""Kafka acknowledges nothing for so long before the breaker opens."""

_OURS: Final = (Reason.INTERNAL_ERROR, Reason.OVERLOADED)
_PASSING: Final = (Reason.DRAINING, Reason.BREAKER_OPEN, *_OURS)
_KAFKAS: Final = tuple(
    reason for reason, meaning in MEANING.items() if meaning.kind is Kind.DEFERRED and reason not in _PASSING
)
"""Why Kafka does not take a webhook; the breaker has a word of its own."""
_UNAUTHORIZED: Final = tuple(reason for reason, meaning in MEANING.items() if meaning.status == HTTPStatus.UNAUTHORIZED)

_ACCEPTED: Final = WebhookOutcome.ACCEPTED.value
_JUDGED: Final = (WebhookOutcome.ACCEPTED.value, WebhookOutcome.DEFERRED.value)
"""What counts for availability: a refusal is the sender's fault, a probe nobody's."""


def overview() -> Row:
    """Give the row."""
    return Row(
        "Is it fine? If not, whose fault?",
        [
            Line(4, [(4, _relay()), (4, _kafka()), (4, _sofy()), (12, _alerts())]),
            even(
                4,
                _accepted(),
                _availability(),
                _slowest(),
                _availability_budget(),
                _latency_budget(),
                _ready(),
                _versions(),
                _last_webhook(),
            ),
        ],
    )


def _webhooks(reasons: tuple[Reason, ...]) -> str:
    return total(rate(chosen(Catalogue.WEBHOOKS, reason=reasons)))


def _relay() -> stat.Panel:
    ready = chosen(Catalogue.READY)
    return verdict(
        "Relay",
        "Whether the relay itself is what is wrong. No pod ready: `/readyz` on the admin port says why. "
        "Internal error: the log holds its place in the code, report it. Overloaded: add pods if CPU is short, else "
        "look at Kafka. Pods missing: a rollout, or a pod that does not become ready.",
        Ask(
            worst(
                {
                    4: f"({total(ready)} or vector(0)) == bool 0",
                    3: f"{_webhooks((Reason.INTERNAL_ERROR,))} > bool 0",
                    2: f"{_webhooks((Reason.OVERLOADED,))} > bool 0",
                    1: f"min({ready}) == bool 0",
                }
            ),
            "relay",
        ),
        {
            0: ("Fine", GOOD),
            1: ("Pods missing", WARN),
            2: ("Overloaded", WARN),
            3: ("Internal error", BAD),
            4: ("No pod ready", BAD),
        },
    )


def _kafka() -> stat.Panel:
    state = greatest(chosen(Catalogue.BREAKER_STATE))
    return verdict(
        "Kafka",
        "Whether Kafka is what is wrong, and what the breaker does. Breaker open: nothing is acknowledged, webhooks "
        "get 503 in milliseconds, and it closes by itself: look at the brokers. Failing: some webhooks get 503, see "
        "'Deferred by reason'. Slow: a record waits for longer than 2 s.",
        Ask(
            worst(
                {
                    4: f"{state} == bool 2",
                    3: f"{_webhooks(_KAFKAS)} > bool 0",
                    2: f"{state} == bool 1",
                    1: f"{greatest(chosen(Catalogue.OLDEST_UNACKNOWLEDGED))} > bool {_SLOW_S}",
                }
            ),
            "kafka",
        ),
        {
            0: ("Fine", GOOD),
            1: ("Slow", WARN),
            2: ("Breaker half-open", WARN),
            3: ("Failing", BAD),
            4: ("Breaker open", BAD),
        },
    )


def _sofy() -> stat.Panel:
    strange = " + ".join(
        total(increase(chosen(metric)))
        for metric in (Catalogue.DEAD_LETTERS, Catalogue.UNKNOWN_STATUSES, Catalogue.UNREADABLE_FIELDS)
    )
    accepted = total(rate(chosen(Catalogue.WEBHOOKS, outcome=_ACCEPTED)))
    return verdict(
        "Sofy",
        "Whether what Sofy sends is what is wrong. Too large: raise `RELAY_HTTP__MAX_BODY_BYTES` before its replays "
        "run out. Refused: more 401 than 200, compare URL, token and secret. Unreadable: dead letters, unknown "
        "statuses or unreadable fields. Replaying: half of the events are older than a minute: a backlog.",
        Ask(
            worst(
                {
                    4: f"{_webhooks((Reason.BODY_TOO_LARGE,))} > bool 0",
                    3: f"{_webhooks(_UNAUTHORIZED)} > bool {accepted}",
                    2: f"{strange} > bool 0",
                    1: f"({percentile(50, Catalogue.EVENT_AGE)}) > bool {_OLD_S}",
                }
            ),
            "sofy",
        ),
        {
            0: ("Fine", GOOD),
            1: ("Replaying", WARN),
            2: ("Unreadable", WARN),
            3: ("Refused", WARN),
            4: ("Too large", BAD),
        },
    )


def _alerts() -> stat.Panel:
    nothing = 'label_replace(vector(0), "alertname", "none", "", "")'
    runbook = (
        build.DashboardLink("Runbook")
        .url(f"{RUNBOOKS}/${{__field.labels.alertname}}.md")
        .target_blank(target_blank=True)
    )
    return (
        tile(
            "Firing alerts",
            "What has been raised: red pages, orange is a ticket. Whatever pods are chosen. Click one for its runbook.",
            Ask(f"2 * {firing('page')} or {firing('ticket')} or on () {nothing}", "{{alertname}}"),
            unit=units.NoUnit,
            steps={1: WARN, 2: BAD},
        )
        .text_mode(looks.BigValueTextMode.NAME)
        .color_mode(looks.BigValueColorMode.BACKGROUND_SOLID)
        .data_links([runbook])
    )


def _accepted() -> stat.Panel:
    return tile(
        "Accepted",
        "Webhooks answered 200: each item in them is durable. If it falls while SMS are sent, the tiles above say why.",
        Ask(total(rate(chosen(Catalogue.WEBHOOKS, outcome=_ACCEPTED))), "accepted"),
        unit=units.RequestsPerSecond,
    ).decimals(1)


def _availability() -> stat.Panel:
    accepted, judged = (
        total(increase(chosen(Catalogue.WEBHOOKS, outcome=outcome), "$__range")) for outcome in (_ACCEPTED, _JUDGED)
    )
    return _percent(
        "Availability",
        "Share of webhooks that were answered 200 and not 503, in the time shown. The objective is 99.9 %. "
        "What was deferred stands in 'Deferred by reason'.",
        Ask(share(accepted, judged), "availability"),
        {0.99: WARN, AVAILABILITY_OBJECTIVE: GOOD},
    ).decimals(2)


def _slowest() -> stat.Panel:
    return (
        tile(
            "Answer time p99",
            f"99 of 100 accepted webhooks are answered within this. {Catalogue.WEBHOOK_DURATION.when_it_moves}",
            Ask(percentile(99, Catalogue.WEBHOOK_DURATION, outcome=_ACCEPTED), "p99"),
            unit=units.Seconds,
            steps={ANSWER_WARN_S: WARN, ANSWER_BAD_S: BAD},
        )
        .decimals(0)
        .no_value("no traffic")
    )


def _availability_budget() -> stat.Panel:
    # The histogram counts the same webhooks in a tenth of the series, which matters over 30 days.
    accepted, judged = (
        total(increase(whole(Catalogue.WEBHOOK_DURATION, "count", outcome=outcome), BUDGET_PERIOD))
        for outcome in (_ACCEPTED, _JUDGED)
    )
    return _budget(
        "Availability budget",
        "What is left of 30 days' error budget: one webhook in a thousand may be answered 503. "
        "Below 0 the objective is missed: put reliability first. Of the whole service, whatever pods are chosen.",
        share(accepted, judged),
        AVAILABILITY_OBJECTIVE,
    )


def _latency_budget() -> stat.Panel:
    within, all_of_them = (
        total(increase(series, BUDGET_PERIOD))
        for series in (
            whole(Catalogue.WEBHOOK_DURATION, "bucket", outcome=_ACCEPTED, le=LATENCY_WITHIN),
            whole(Catalogue.WEBHOOK_DURATION, "count", outcome=_ACCEPTED),
        )
    )
    return _budget(
        "Latency budget",
        "What is left of 30 days' budget: one accepted webhook in a hundred may take longer than 1 s. "
        "Below 0 the objective is missed: look at Kafka's acknowledgement time. Of the whole service.",
        share(within, all_of_them),
        LATENCY_OBJECTIVE,
    )


def _budget(title: str, description: str, good: str, objective: float) -> stat.Panel:
    left = f"1 - (1 - {good}) / (1 - {objective:g})"
    return _percent(title, description, Ask(left, "left"), {0: WARN, 0.25: GOOD}).decimals(0)


def _percent(title: str, description: str, ask: Ask, steps: dict[float, str]) -> stat.Panel:
    return tile(title, description, ask, unit=units.PercentUnit, steps=steps, lowest=BAD).no_value("no traffic")


def _ready() -> stat.Panel:
    ready = chosen(Catalogue.READY)
    panel = tile(
        "Pods",
        f"{Catalogue.READY.says} {Catalogue.READY.when_it_moves} With one ready pod there is none to spare.",
        Ask(f"{total(ready)} or vector(0)", "ready"),
        Ask(f"count({ready}) - {total(ready)} or vector(0)", "not ready"),
        unit=units.NoUnit,
        steps={1: WARN, 2: GOOD},
        lowest=BAD,
    )
    return thresholds_of("not ready", panel, {1: WARN})


def _versions() -> stat.Panel:
    return tile(
        "Pods by version",
        f"How many pods run each version. {Catalogue.BUILD_INFO.when_it_moves}",
        Ask(f"count by (version) ({chosen(Catalogue.BUILD_INFO)})", "{{version}}"),
        unit=units.NoUnit,
    ).text_mode(looks.BigValueTextMode.VALUE_AND_NAME)


def _last_webhook() -> stat.Panel:
    return (
        tile(
            "Last webhook",
            "Time since the last authenticated webhook. "
            "If it grows while SMS are sent, look at Sofy's registration, the ingress and the token.",
            Ask(f"time() - ({greatest(chosen(Catalogue.LAST_WEBHOOK))} > 0)", "ago"),
            unit=units.DurationSeconds,
        )
        .decimals(0)
        .no_value("none yet")
    )
