"""What comes in: how it is answered, how fast, and how large and old it is."""

from grafana_foundation_sdk.builders import heatmap, timeseries
from grafana_foundation_sdk.models import units

from deploy.grafana.layout import Line, Row, even
from deploy.grafana.promql import chosen, greatest, percentiles, rate, total
from deploy.grafana.shapes import ANSWER_LIMITS, Ask, across_orders, by_word, cells, distribution, lines, ranked, stack
from relay.observability.metrics import Catalogue, WebhookOutcome

_ACCEPTED = WebhookOutcome.ACCEPTED.value


def webhooks() -> Row:
    """Give the row."""
    return Row(
        "Webhooks: what comes in",
        [
            even(8, _outcomes(), _answer_time()),
            even(
                8,
                _by_reason(
                    "Deferred by reason",
                    "Webhooks answered 503, which Sofy replays: ours or Kafka's fault. The reason says what to mend, "
                    "see docs/answers.md.",
                    WebhookOutcome.DEFERRED,
                ),
                _by_reason(
                    "Refused by reason",
                    "Webhooks answered 4xx: the sender's fault. 401: compare URL, token, secret and clock. 413: raise "
                    "`RELAY_HTTP__MAX_BODY_BYTES` before Sofy's replays run out. 404 and 405 are strangers.",
                    WebhookOutcome.REFUSED,
                ),
                _answer_times(),
            ),
            Line(7, [(6, _body_size()), (6, _in_flight()), (6, _silence()), (6, _age())]),
        ],
    )


def _outcomes() -> timeseries.Panel:
    return by_word(
        stack(
            "Webhooks by outcome",
            Catalogue.WEBHOOKS.help,
            Ask(total(rate(chosen(Catalogue.WEBHOOKS)), "outcome"), "{{outcome}}"),
            unit=units.RequestsPerSecond,
        ),
        WebhookOutcome,
    )


def _answer_time() -> timeseries.Panel:
    return distribution(
        "Answer time of accepted webhooks",
        f"{Catalogue.WEBHOOK_DURATION.help} The relay answers within 3 s, whatever happens.",
        percentiles(Catalogue.WEBHOOK_DURATION, 50, 95, 99, outcome=_ACCEPTED),
        unit=units.Seconds,
        limits=ANSWER_LIMITS,
    )


def _by_reason(title: str, description: str, outcome: WebhookOutcome) -> timeseries.Panel:
    series = chosen(Catalogue.WEBHOOKS, outcome=outcome.value)
    return ranked(
        stack(title, description, Ask(total(rate(series), "reason"), "{{reason}}"), unit=units.RequestsPerSecond)
    )


def _answer_times() -> heatmap.Panel:
    return cells(
        "Answer times, all outcomes",
        "How many webhooks were answered in which time. A second band above the first is a share of them that waits "
        "for something: one broker, one partition, one slow client.",
        Ask(total(rate(chosen(Catalogue.WEBHOOK_DURATION, "bucket")), "le"), "{{le}}"),
        unit=units.Seconds,
    )


def _body_size() -> timeseries.Panel:
    return distribution(
        "Body size",
        Catalogue.WEBHOOK_BODY.help,
        percentiles(Catalogue.WEBHOOK_BODY, 50, 99),
        unit=units.BytesIEC,
    )


def _in_flight() -> timeseries.Panel:
    return stack(
        "In flight",
        Catalogue.WEBHOOKS_IN_FLIGHT.help,
        Ask(total(chosen(Catalogue.WEBHOOKS_IN_FLIGHT), "pod"), "{{pod}}"),
        unit=units.Short,
    )


def _silence() -> timeseries.Panel:
    return lines(
        "Time since the last webhook",
        f"{Catalogue.LAST_WEBHOOK.when_it_moves} One pod alone: look at the Service and at readiness.",
        Ask(f"time() - ({greatest(chosen(Catalogue.LAST_WEBHOOK), 'pod')} > 0)", "{{pod}}"),
        unit=units.Seconds,
    )


def _age() -> timeseries.Panel:
    return across_orders(
        distribution(
            "Age of events when acknowledged",
            Catalogue.EVENT_AGE.help,
            percentiles(Catalogue.EVENT_AGE, 50, 99),
            unit=units.Seconds,
        )
    )
