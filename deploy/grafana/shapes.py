"""The few shapes of panels that the dashboard is drawn with: each looks the same wherever it stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common, heatmap, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.colours import BAD, COLOURS, GOOD, PLAIN, WARN

DATASOURCE: Final = model.DataSourceRef("prometheus", "${datasource}")
ANSWER_WARN_S: Final = 2
ANSWER_BAD_S: Final = 3
"""The relay answers by then, whatever happens; Sofy itself gives up at 4 s."""
_BAR: Final = "1m"
"""The least width of a bar, so that the ranges of neighbouring bars hardly overlap."""

Steps = Mapping[float, str]
"""Colours by the value from which they hold; below the first it is green."""
Shape = TypeVar("Shape", stat.Panel, timeseries.Panel, heatmap.Panel, statetimeline.Panel)


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of a panel."""

    expr: str
    legend: str
    """A short word, or a label's value as `{{label}}`."""


def tile(
    title: str, description: str, *asks: Ask, unit: str, steps: Steps | None = None, lowest: str = GOOD
) -> stat.Panel:
    """Draw the values of this moment, large; without `steps` in no colour, else `lowest` below the first.

    They are asked for as of now: a pod that is gone leaves an empty tile, not its last good value.
    """
    panel = _drawn(stat.Panel(), title, description, unit)
    for query in _queries(asks):
        panel.with_target(query.instant())
    return (
        panel.color_scheme(_by_thresholds())
        .thresholds(_thresholds({}, PLAIN) if steps is None else _thresholds(steps, lowest))
        .color_mode(looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .text_mode(looks.BigValueTextMode.AUTO if len(asks) == 1 else looks.BigValueTextMode.VALUE_AND_NAME)
    )


def verdict(title: str, description: str, ask: Ask, words: Mapping[int, tuple[str, str]]) -> stat.Panel:
    """Draw one word on its colour: `words` gives both by value."""
    return (
        tile(title, description, ask, unit=units.NoUnit)
        .mappings([_mapped(words)])
        .color_mode(looks.BigValueColorMode.BACKGROUND_SOLID)
        .text_mode(looks.BigValueTextMode.VALUE)
        .text(common.VizTextDisplayOptions().value_size(28))
        .no_value("No pod")
    )


def lines(title: str, description: str, *asks: Ask, unit: str, limits: Steps | None = None) -> timeseries.Panel:
    """Draw each series as a line, over dashed `limits` if there are any."""
    panel = _plotted(title, description, asks, unit).fill_opacity(0).line_width(2)
    if limits:
        panel.thresholds(_thresholds(limits)).thresholds_style(_dashed())
    return panel


def stack(title: str, description: str, *asks: Ask, unit: str) -> timeseries.Panel:
    """Draw series that add up, on top of one another."""
    return _stacked(_plotted(title, description, asks, unit).fill_opacity(60).line_width(1))


def bars(title: str, description: str, *asks: Ask) -> timeseries.Panel:
    """Draw how often something rare happened, a bar for each stretch of time."""
    panel = _plotted(title, description, asks, units.Short).interval(_BAR).decimals(0)
    return _stacked(panel.draw_style(looks.GraphDrawStyle.BARS).fill_opacity(90).line_width(1))


def by_word(panel: timeseries.Panel, words: Iterable[str]) -> timeseries.Panel:
    """Give each of the words among the panel's series its colour."""
    for word in words:
        fixed = {"mode": model.FieldColorModeId.FIXED, "fixedColor": COLOURS[word]}
        panel.override_by_name(word, [model.DynamicConfigValue("color", fixed)])
    return panel


def distribution(
    title: str, description: str, asks: Mapping[str, str], *, unit: str, limits: Steps | None = None
) -> timeseries.Panel:
    """Draw percentiles of one distribution, the higher the darker: `asks` are expressions by `p50`, `p95`, `p99`."""
    named = [Ask(expr, name) for name, expr in asks.items()]
    return by_word(lines(title, description, *named, unit=unit, limits=limits), asks)


def ranked(panel: timeseries.Panel) -> timeseries.Panel:
    """Put the legend beside the panel, the greatest first: for more series than fit below, most of them zero."""
    legend = common.VizLegendOptions().show_legend(show_legend=True).display_mode(looks.LegendDisplayMode.TABLE)
    return panel.legend(
        legend.placement(looks.LegendPlacement.RIGHT).calcs(["max"]).sort_by("Max").sort_desc(sort_desc=True)
    )


def across_orders(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw on a logarithmic axis: for what goes from half a second to two days."""
    # No logarithmic axis begins at 0.
    return panel.min(0.1).scale_distribution(common.ScaleDistributionConfig().type(looks.ScaleDistribution.LOG).log(10))


def cells(title: str, description: str, ask: Ask, *, unit: str) -> heatmap.Panel:
    """Draw a histogram's buckets over time, the fuller the darker."""
    panel = _drawn(heatmap.Panel(), title, description, unit)
    (query,) = _queries([ask])
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64).exponent(0.5)
    return (
        panel.with_target(query.range().format(PromQueryFormat.HEATMAP))
        .calculate(calculate=False)
        .color(colour)
        .cell_gap(1)
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(looks.AxisPlacement.LEFT))
        .hide_legend()
        .mode(looks.TooltipDisplayMode.MULTI)
    )


def states(title: str, description: str, ask: Ask, words: Mapping[int, tuple[str, str]]) -> statetimeline.Panel:
    """Draw each series as a band in the colours of its states: `words` gives word and colour by value."""
    panel = _drawn(statetimeline.Panel(), title, description, units.NoUnit)
    (query,) = _queries([ask])
    return (
        panel.with_target(query.range())
        .mappings([_mapped(words)])
        .color_scheme(_by_thresholds())
        .thresholds(_thresholds({}))
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .merge_values(merge_values=True)
        .show_value(looks.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.NONE))
    )


def _plotted(title: str, description: str, asks: Sequence[Ask], unit: str) -> timeseries.Panel:
    panel = _drawn(timeseries.Panel(), title, description, unit)
    for query in _queries(asks):
        panel.with_target(query.range())
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
    return (
        panel.min(0)
        .color_scheme(FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .show_points(looks.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(tooltip.hide_zeros(hide_zeros=True))
    )


def _drawn(panel: Shape, title: str, description: str, unit: str) -> Shape:
    return panel.title(title).description(description).unit(unit).datasource(DATASOURCE)


def _queries(asks: Sequence[Ask]) -> list[Dataquery]:
    return [
        Dataquery().datasource(DATASOURCE).ref_id(letter).expr(ask.expr).legend_format(ask.legend)
        for letter, ask in zip(ascii_uppercase, asks, strict=False)
    ]


def _stacked(panel: timeseries.Panel) -> timeseries.Panel:
    return panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(looks.LegendDisplayMode.LIST)
        .placement(looks.LegendPlacement.BOTTOM)
    )


def _by_thresholds() -> FieldColor:
    return FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def thresholds_of(name: str, panel: Shape, steps: Steps, lowest: str = GOOD) -> Shape:
    """Give one series of a panel thresholds of its own."""
    return panel.override_by_name(name, [model.DynamicConfigValue("thresholds", _thresholds(steps, lowest).build())])


def _thresholds(steps: Steps, lowest: str = GOOD) -> ThresholdsConfig:
    above = [model.Threshold(value, colour) for value, colour in steps.items()]
    return ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([model.Threshold(None, lowest), *above])


def _dashed() -> common.GraphThresholdsStyleConfig:
    return common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)


def _mapped(words: Mapping[int, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        {
            str(value): model.ValueMappingResult(text=word, color=colour, index=index)
            for index, (value, (word, colour)) in enumerate(words.items())
        }
    )


ANSWER_LIMITS: Final[Steps] = {ANSWER_WARN_S: WARN, ANSWER_BAD_S: BAD}
"""Where an answer's time is coloured."""
