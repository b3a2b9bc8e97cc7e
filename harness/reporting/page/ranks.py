"""Plots the critical-difference diagram of mean ranks over data sets (Demšar, 2006, figure 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.slugs import shorten
from harness.reporting.leaderboard.across import Ranking
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.style import INK, SOFT, TICK, Picture, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE, BAR = 1.0, 0.55  # of a row and of a group's bar, in the unit of the axis


def diagram(found: Ranking, book: Sketchbook) -> Picture:
    count = len(found.labels)

    def draw(_: Figure, axes: Axes) -> None:
        for place, rank in enumerate(found.ranks):
            drawn = look(place)
            axes.plot([rank, rank], [-0.6, place], color=SOFT, linewidth=0.7)
            axes.plot(rank, place, color=drawn.colour, marker=drawn.marker, markersize=7)
        for number, group in enumerate(found.groups):
            y = count - 0.3 + BAR * number
            axes.plot([found.ranks[group[0]], found.ranks[group[-1]]], [y, y], color=INK, linewidth=3.5)
        axes.plot([1, 1 + found.difference], [-1.3, -1.3], color=INK, linewidth=1.2, marker="|", markersize=7)
        axes.text(1 + found.difference / 2, -1.6, f"CD = {found.difference:.2f}", ha="center", va="bottom", fontsize=9)
        axes.set_yticks(
            range(count),
            [f"{label}  {rank:.2f}" for label, rank in zip(shorten(found.labels, TICK), found.ranks, strict=True)],
        )
        axes.set_ylim(count - 0.2 + BAR * len(found.groups), -2.6)
        axes.set_xlim(0.8, max(count, 1 + found.difference) + 0.2)
        axes.set_xticks(range(1, count + 1, max(1, -(-count // 10))))
        axes.grid(visible=False, axis="y")

    caption = (
        f"Mean rank of {count} rows over {len(found.datasets)} data sets in {found.title}; 1 is best. A black bar "
        f"joins rows that are not told apart. Friedman's test: p = {found.p:.2g}; CD: Nemenyi's critical"
        " difference at 0.05."
    )
    height = 110 + round(22 * (count + 2 + BAR * len(found.groups)))
    return book.draw(f"Mean rank: {found.title}", "mean rank (1 is best)", "", caption, draw, height=height)
