"""Where panels stand: rows of lines, each line as wide as Grafana's grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

WIDTH: Final = 24
"""The columns of Grafana's grid."""
_IDS_PER_ROW: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side, of one height, sharing the whole width."""

    height: int
    panels: Sequence[tuple[int, Builder[model.Panel]]]
    """Each with its columns."""

    def __post_init__(self) -> None:
        """Refuse a line with a gap or an overlap.

        Raises:
            ValueError: the columns do not add up to the grid's.
        """
        columns = sum(width for width, _ in self.panels)
        if columns != WIDTH:
            problem = f"a line of {columns} columns, not {WIDTH}: {[panel.build().title for _, panel in self.panels]}"
            raise ValueError(problem)


def even(height: int, *panels: Builder[model.Panel]) -> Line:
    """Give a line of panels of equal width."""
    return Line(height, [(WIDTH // len(panels), panel) for panel in panels])


@dataclass(frozen=True, slots=True)
class Row:
    """Lines under a common title."""

    title: str
    lines: Sequence[Line]


def placed(rows: Sequence[Row]) -> list[model.Panel | model.RowPanel]:
    """Give rows and panels with their places and ids. A panel's id says its row, so that links to it last longer."""
    found: list[model.Panel | model.RowPanel] = []
    y = 0
    for number, row in enumerate(rows, start=1):
        first = number * _IDS_PER_ROW
        header = build.Row(row.title).id(first).collapsed(collapsed=False)
        found.append(header.grid_pos(model.GridPos(h=1, w=WIDTH, x=0, y=y)).build())
        y += 1
        count = 0
        for line in row.lines:
            x = 0
            for width, builder in line.panels:
                count += 1
                panel = builder.build()
                panel.id_val = first + count
                panel.grid_pos = model.GridPos(h=line.height, w=width, x=x, y=y)
                found.append(panel)
                x += width
            y += line.height
    return found
