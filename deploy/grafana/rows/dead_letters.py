"""What could not be read, and was kept."""

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import BAD, WARN
from deploy.grafana.layout import Line, Row
from deploy.grafana.promql import chosen, increase, rate, share, total
from deploy.grafana.shapes import Ask, bars, lines, ranked, tile
from relay.observability.metrics import Catalogue
from relay.pipeline import Result


def dead_letters() -> Row:
    """Give the row."""
    return Row("Dead letters: what could not be read", [Line(7, [(12, _by_reason()), (8, _share()), (4, _count())])])


def _by_reason() -> timeseries.Panel:
    return ranked(
        bars(
            "Dead letters by reason",
            f"{Catalogue.DEAD_LETTERS.help} After a mend: `relay dead-letters replay`.",
            Ask(total(increase(chosen(Catalogue.DEAD_LETTERS)), "reason"), "{{reason}}"),
        )
    )


def _share() -> timeseries.Panel:
    dead = total(rate(chosen(Catalogue.EVENTS, result=Result.DEAD_LETTERED.value)), "account")
    received = total(rate(chosen(Catalogue.EVENTS_RECEIVED)), "account")
    return lines(
        "Dead letters' share of the received items",
        "A share that stays is a change at Sofy: tell the maintainers what the dead letters hold. "
        "A single peak is one broken webhook.",
        Ask(share(dead, received), "{{account}}"),
        unit=units.PercentUnit,
        limits={0.01: WARN, 0.05: BAD},
    )


def _count() -> stat.Panel:
    return tile(
        "Dead letters in the time shown",
        "All that became durable in the time that the dashboard shows. "
        "Read them with `relay dead-letters list` and `show`.",
        Ask(total(increase(chosen(Catalogue.DEAD_LETTERS), "$__range")), "dead letters"),
        unit=units.Short,
        steps={0.5: WARN},
    ).decimals(0)
