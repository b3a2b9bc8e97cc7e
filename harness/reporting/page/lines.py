"""Draws a line per row over several columns, each of which stands for a number, such as shots or the number of an
episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.base.slugs import shorten
from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.page.figures import Point, points, seeds_said
from harness.reporting.page.style import LEGEND, MOST, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Lines = dict[int, list[tuple[int, Point]]]
"""By the number of the row: (number, point) of each column in which it has a finite score."""


def lines(table: Table, family: Sequence[tuple[int, Column]]) -> Lines:
    """Of the first rows of a table, over columns with their numbers."""
    found: Lines = {}
    for number, column in family:
        for point in points(table, column, MOST):
            found.setdefault(point.number, []).append((number, point))
    return found


def draw_lines(table: Table, found: Lines, figure: Figure, axes: Axes) -> None:
    labels = shorten([table.rows[row].full for row in found], LEGEND)
    for (row, places), label in zip(found.items(), labels, strict=True):
        drawn = look(row)
        axes.errorbar(
            [number for number, _ in places],
            [point.mean for _, point in places],
            yerr=[point.half or 0 for _, point in places],
            color=drawn.colour, marker=drawn.marker, linestyle=drawn.dash, markersize=6, linewidth=1.5,
            elinewidth=1, label=label,
        )  # fmt: skip
    axes.set_xticks(sorted({number for places in found.values() for number, _ in places}))
    axes.margins(x=0.1)
    legend(figure, axes)


def means_said(found: Lines) -> str:
    """'means over 3 seeds; bars are 95 % t-intervals over seeds'."""
    every = [point for places in found.values() for _, point in places]
    bars = "; bars are 95 % t-intervals over seeds" if any(point.half for point in every) else ""
    return f"means over {seeds_said(every)}{bars}"
