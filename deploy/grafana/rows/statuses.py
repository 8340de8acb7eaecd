"""What the webhooks say: what became of the SMS, and how well it can be read."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import PLAIN
from deploy.grafana.layout import Row, even
from deploy.grafana.promql import chosen, increase, percentile, rate, total
from deploy.grafana.shapes import Ask, across_orders, bars, by_word, lines, ranked, stack
from relay.events import Status
from relay.observability.metrics import Catalogue
from relay.pipeline import Result


def statuses() -> Row:
    """Give the row."""
    return Row(
        "Statuses: what it says",
        [
            even(8, _statuses(), _categories(), _delivery_time()),
            even(8, _results(), _accounts(), _duplicates()),
            even(7, _out_of_order(), _unknown(), _unreadable()),
        ],
    )


def _statuses() -> timeseries.Panel:
    return by_word(
        stack(
            "Status events by status",
            Catalogue.SMS_STATUS.help,
            Ask(total(rate(chosen(Catalogue.SMS_STATUS)), "status"), "{{status}}"),
            unit=units.EventsPerSecond,
        ),
        Status,
    )


def _categories() -> timeseries.Panel:
    series = chosen(Catalogue.SMS_STATUS, category=None)
    return ranked(
        stack(
            "Status events by category",
            f"{Catalogue.SMS_STATUS.help} Only those with a reason.",
            Ask(total(rate(series), "category"), "{{category}}"),
            unit=units.EventsPerSecond,
        )
    )


def _delivery_time() -> timeseries.Panel:
    return across_orders(
        by_word(
            lines(
                "Time to the final status, p90",
                Catalogue.SMS_DELIVERY.help,
                Ask(percentile(90, Catalogue.SMS_DELIVERY, "status"), "{{status}}"),
                unit=units.Seconds,
            ),
            Status,
        )
    )


def _results() -> timeseries.Panel:
    panel = by_word(
        stack(
            "Items by result",
            f"{Catalogue.EVENTS.help} The white line is what was received: where it lies above the stack for long, "
            "items are unaccounted for, which is a fault of the relay's: report it.",
            Ask(total(rate(chosen(Catalogue.EVENTS)), "result"), "{{result}}"),
            Ask(total(rate(chosen(Catalogue.EVENTS_RECEIVED))), "received"),
            unit=units.EventsPerSecond,
        ),
        Result,
    )
    over_the_stack = {
        "color": {"mode": "fixed", "fixedColor": PLAIN},
        "custom.stacking": {"mode": "none", "group": "A"},
        "custom.fillOpacity": 0,
        "custom.lineWidth": 2,
    }
    return panel.override_by_name("received", [model.DynamicConfigValue(*item) for item in over_the_stack.items()])


def _accounts() -> timeseries.Panel:
    return stack(
        "Items received by account",
        Catalogue.EVENTS_RECEIVED.help,
        Ask(total(rate(chosen(Catalogue.EVENTS_RECEIVED)), "account"), "{{account}}"),
        unit=units.EventsPerSecond,
    )


def _duplicates() -> timeseries.Panel:
    return stack(
        "Duplicates by kind and account",
        f"{Catalogue.DUPLICATES.help} window: replayed; in_flight: twice at once; in_webhook: twice in one webhook.",
        Ask(total(rate(chosen(Catalogue.DUPLICATES)), "kind", "account"), "{{kind}} {{account}}"),
        unit=units.EventsPerSecond,
    )


def _out_of_order() -> timeseries.Panel:
    return ranked(
        bars(
            "Out of order",
            Catalogue.OUT_OF_ORDER.help,
            Ask(total(increase(chosen(Catalogue.OUT_OF_ORDER)), "from", "to"), "{{from}} → {{to}}"),
        )
    )


def _unknown() -> timeseries.Panel:
    return bars(
        "Unknown statuses",
        Catalogue.UNKNOWN_STATUSES.help,
        Ask(total(increase(chosen(Catalogue.UNKNOWN_STATUSES))), "unknown"),
    )


def _unreadable() -> timeseries.Panel:
    return ranked(
        bars(
            "Unreadable fields",
            Catalogue.UNREADABLE_FIELDS.help,
            Ask(total(increase(chosen(Catalogue.UNREADABLE_FIELDS)), "field"), "{{field}}"),
        )
    )
