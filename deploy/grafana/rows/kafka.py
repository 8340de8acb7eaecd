"""What goes out: how fast Kafka acknowledges, what it does not, and what the relay does about it."""

from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import BAD, GOOD, WARN
from deploy.grafana.layout import Line, Row
from deploy.grafana.promql import chosen, greatest, increase, percentile, rate, total
from deploy.grafana.shapes import ANSWER_LIMITS, Ask, bars, lines, ranked, stack, states, tile
from relay.observability.metrics import Catalogue


def kafka() -> Row:
    """Give the row."""
    return Row(
        "Kafka: what goes out",
        [
            Line(8, [(6, _published()), (6, _acknowledgement_time()), (12, _failures())]),
            Line(7, [(8, _breaker()), (8, _oldest()), (8, _late())]),
            Line(6, [(16, _restarts()), (8, _min_insync_replicas())]),
        ],
    )


def _published() -> timeseries.Panel:
    return stack(
        "Acknowledged records by topic",
        Catalogue.EVENTS_PUBLISHED.help,
        Ask(total(rate(chosen(Catalogue.EVENTS_PUBLISHED)), "topic"), "{{topic}}"),
        unit=units.RecordsPerSecond,
    )


def _acknowledgement_time() -> timeseries.Panel:
    return lines(
        "Acknowledgement time by topic",
        Catalogue.PUBLISH_DURATION.help,
        *(
            Ask(percentile(percent, Catalogue.PUBLISH_DURATION, "topic"), f"p{percent} {{{{topic}}}}")
            for percent in (50, 99)
        ),
        unit=units.Seconds,
        limits=ANSWER_LIMITS,
    )


def _failures() -> timeseries.Panel:
    return ranked(
        stack(
            "Failures by reason and topic",
            f"{Catalogue.PUBLISH_FAILURES.help} One topic alone: its ACL or its leaders. All of them: the brokers.",
            Ask(total(rate(chosen(Catalogue.PUBLISH_FAILURES)), "reason", "topic"), "{{reason}} {{topic}}"),
            unit=units.RecordsPerSecond,
        )
    )


def _breaker() -> statetimeline.Panel:
    return states(
        "Breaker",
        Catalogue.BREAKER_STATE.help,
        Ask(greatest(chosen(Catalogue.BREAKER_STATE), "pod"), "{{pod}}"),
        {0: ("closed", GOOD), 1: ("half-open", WARN), 2: ("open", BAD)},
    )


def _oldest() -> timeseries.Panel:
    return lines(
        "Oldest unacknowledged record",
        Catalogue.OLDEST_UNACKNOWLEDGED.help,
        Ask(greatest(chosen(Catalogue.OLDEST_UNACKNOWLEDGED), "pod"), "{{pod}}"),
        unit=units.Seconds,
        limits=ANSWER_LIMITS,
    )


def _late() -> timeseries.Panel:
    return bars(
        "Late acknowledgements",
        Catalogue.LATE_ACKNOWLEDGEMENTS.help,
        Ask(total(increase(chosen(Catalogue.LATE_ACKNOWLEDGEMENTS)), "pod"), "{{pod}}"),
    )


def _restarts() -> timeseries.Panel:
    return ranked(
        bars(
            "Producer restarts by cause",
            f"{Catalogue.PRODUCER_RESTARTS.help} credentials_changed and topic_recreated are somebody's doing.",
            Ask(total(increase(chosen(Catalogue.PRODUCER_RESTARTS)), "cause"), "{{cause}}"),
        )
    )


def _min_insync_replicas() -> stat.Panel:
    return tile(
        "min.insync.replicas by topic",
        Catalogue.TOPIC_MIN_INSYNC_REPLICAS.help,
        Ask(f"min by (topic) ({chosen(Catalogue.TOPIC_MIN_INSYNC_REPLICAS)})", "{{topic}}"),
        unit=units.NoUnit,
        steps={2: GOOD},
        lowest=WARN,
    ).no_value("not readable")
