"""Pictures of what was found. The only module that needs matplotlib."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.benchmark.figures import Bench, Curve

_BAR: Final = 0.5
_SIZE: Final = (6.4, 3.4)
_OURS, _OTHERS, _FLOOR = "#1f6f8b", "#b0b7bd", "#d9a441"
_ROOM: Final = 1.1
"""Above the highest point."""
_LOGARITHMIC_FROM: Final = 30.0
"""An axis whose ends are so many times apart is drawn logarithmically."""


def draw(bench: Bench, folder: Path) -> list[Path]:
    """Write one SVG a picture into `folder`; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    # The same figures give the same file: no date, and ids that do not change.
    with mpl.rc_context(
        {"svg.hashsalt": "sofy-relay", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    ):
        for name, figure in _figures(bench):
            file = folder / f"{name}.svg"
            figure.savefig(file, metadata={"Date": None})
            file.write_text(
                re.sub(r"[ \t]+$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE), encoding="utf-8"
            )
            written.append(file)
    return written


def file_name(curve: Curve) -> str:
    """Give the name of a curve's picture, without its ending."""
    return re.sub(r"[^a-z0-9]+", "-", curve.name.lower()).strip("-")


def _figures(bench: Bench) -> Iterator[tuple[str, Figure]]:
    yield "whole-path", _whole_path(bench)
    yield "latency", _latency(bench)
    if any(peer.figures is not None for peer in bench.peers):
        yield "peers", _peers(bench)
    for curve in bench.curves:
        yield file_name(curve), _curve(curve)


def _whole_path(bench: Bench) -> Figure:
    path = bench.whole_path
    figure, axes = _axes("µs CPU a webhook of one event")
    http, kafka = path.asgi.us_per_webhook, path.producer.us_per_webhook
    axes.barh(["floor"], [http], height=_BAR, color=_OTHERS, label="bare ASGI callable")
    axes.barh(["floor"], [kafka], left=[http], height=_BAR, color=_FLOOR, label="bare producer")
    axes.barh(["Sofy Relay"], [path.relay.us_per_webhook], height=_BAR, color=_OURS)
    axes.legend(frameon=False)
    axes.set_title(f"The whole path costs {bench.ratio_to_floor:.2f} times its floor")
    return figure


def _latency(bench: Bench) -> Figure:
    path = bench.whole_path
    figure, axes = _axes("ms from request to answer")
    told = [("at saturation", path.relay, _OURS), ("at half of it", path.at_half, _FLOOR)]
    for place, (name, figures, colour) in enumerate(told):
        heights = [figures.p50_ms, figures.p99_ms, figures.p999_ms]
        axes.barh([rank + 0.4 * place for rank in range(3)], heights, height=0.38, color=colour, label=name)
    axes.set_yticks([0.2, 1.2, 2.2], ["p50", "p99", "p99.9"])
    axes.legend(frameon=False)
    axes.set_title("Answers, 64 connections")
    return figure


def _peers(bench: Bench) -> Figure:
    told = [(peer.name, peer.figures) for peer in bench.peers if peer.figures is not None and peer.items == 1][::-1]
    figure, axes = _axes("µs CPU a webhook of one SMS")
    colours = [_OURS if name == "Sofy Relay" else _OTHERS for name, _ in told]
    bars = axes.barh(
        [name for name, _ in told], [figures.us_per_webhook for _, figures in told], height=_BAR, color=colours
    )
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_title("Beside its peers, which do less")
    return figure


def _curve(curve: Curve) -> Figure:
    figure, axes = _axes(curve.x)
    xs, ys = [x for x, _ in curve.points], [y for _, y in curve.points]
    axes.plot(xs, ys, marker="o", color=_OURS)
    if xs[0] > 0 and xs[-1] / xs[0] >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    axes.set_ylim(0, _ROOM * max(ys))
    axes.set_ylabel(curve.y)
    axes.set_title(f"{curve.name}: {curve.shape.value}")
    return figure


def _axes(x: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes: Axes = figure.subplots()
    axes.set_xlabel(x)
    return figure, axes
