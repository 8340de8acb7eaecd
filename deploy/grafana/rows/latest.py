"""The latest state of each SMS: what the projector makes of the statuses. Empty where none runs."""

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units

from deploy.grafana.colours import WARN
from deploy.grafana.layout import Line, Row
from deploy.grafana.promql import greatest, increase, projectors, rate, total
from deploy.grafana.shapes import Ask, bars, lines, ranked, stack, tile
from relay.observability.metrics import ProjectorCatalogue


def latest() -> Row:
    """Give the row."""
    return Row(
        "Latest state: relay project",
        [
            Line(7, [(8, _events()), (8, _lag()), (4, _stuck()), (4, _members())]),
            Line(7, [(8, _known()), (8, _out_of_order()), (8, _rare())]),
        ],
    )


def _events() -> timeseries.Panel:
    return stack(
        "Facts by what they did",
        f"{ProjectorCatalogue.EVENTS.help} duplicate: {ProjectorCatalogue.DUPLICATES.says}",
        Ask(total(rate(projectors(ProjectorCatalogue.EVENTS)), "transition"), "{{transition}}"),
        Ask(total(rate(projectors(ProjectorCatalogue.DUPLICATES))), "duplicate"),
        unit=units.EventsPerSecond,
    )


def _lag() -> timeseries.Panel:
    return lines(
        "Records not taken in",
        ProjectorCatalogue.LAG.help,
        Ask(greatest(projectors(ProjectorCatalogue.LAG), "pod"), "{{pod}}"),
        unit=units.Short,
    )


def _stuck() -> stat.Panel:
    return tile(
        "Stuck SMS",
        ProjectorCatalogue.STUCK.help,
        Ask(total(projectors(ProjectorCatalogue.STUCK)), "stuck"),
        unit=units.Short,
        steps={1: WARN},
    ).decimals(0)


def _members() -> stat.Panel:
    return tile(
        "Partitions with a member",
        f"{ProjectorCatalogue.PARTITIONS.help} Last commit: {ProjectorCatalogue.LAST_COMMIT.when_it_moves}",
        Ask(total(projectors(ProjectorCatalogue.PARTITIONS)), "partitions"),
        Ask(f"time() - {greatest(projectors(ProjectorCatalogue.LAST_COMMIT))}", "last commit, s"),
        unit=units.Short,
    ).decimals(0)


def _known() -> timeseries.Panel:
    return stack(
        "SMS known",
        ProjectorCatalogue.ENTRIES.help,
        Ask(total(projectors(ProjectorCatalogue.ENTRIES), "pod"), "{{pod}}"),
        unit=units.Short,
    )


def _out_of_order() -> timeseries.Panel:
    return ranked(
        bars(
            "Came late, after what",
            ProjectorCatalogue.OUT_OF_ORDER.help,
            Ask(total(increase(projectors(ProjectorCatalogue.OUT_OF_ORDER)), "from", "to"), "{{from}} → {{to}}"),
        )
    )


def _rare() -> timeseries.Panel:
    return bars(
        "Erased, rewritten, unreadable",
        f"{ProjectorCatalogue.ERASED.says} {ProjectorCatalogue.REWRITTEN.help} {ProjectorCatalogue.UNREADABLE.help}",
        *(
            Ask(total(increase(projectors(metric))), word)
            for metric, word in (
                (ProjectorCatalogue.ERASED, "erased"),
                (ProjectorCatalogue.REWRITTEN, "rewritten"),
                (ProjectorCatalogue.UNREADABLE, "unreadable"),
            )
        ),
    )
