"""Plots scores against seconds of training, with the Pareto front."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from harness.base.slugs import shorten
from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.page.figures import Point, Sketchbook, axis, points, seeds_said
from harness.reporting.page.style import LEGEND, MOST, SOFT, Picture, legend, look
from harness.store.records import spent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRONT = 3  # rows at least that have a front: of two, it says no more than the two


def cost(table: Table, book: Sketchbook) -> list[Picture]:
    """A figure per column with two rows or more whose training time is known."""
    return [picture for column in table.columns if (picture := _picture(table, column, book))]


def front(places: list[tuple[float, float]], *, higher_is_better: bool) -> list[tuple[float, float]]:
    """The (seconds, score) that no other beats in both, cheapest first (the Pareto front)."""
    sign = 1 if higher_is_better else -1
    best: list[tuple[float, float]] = []
    for seconds, score in sorted(places, key=lambda place: (place[0], -sign * place[1])):
        if not best or sign * score > sign * best[-1][1]:
            best.append((seconds, score))
    return best


def _seconds(point: Point) -> float | None:
    known = [spent(cell.training, "seconds") for cell in point.row.cells if cell.training]
    values = [float(each) for each in known if each is not None]
    return fmean(values) if values else None


def _picture(table: Table, column: Column, book: Sketchbook) -> Picture | None:
    found = [(seconds, point) for point in points(table, column, MOST) if (seconds := _seconds(point)) is not None]
    if len(found) < 2:
        return None
    places = [(seconds, point.mean) for seconds, point in found]
    best = front(places, higher_is_better=column.higher_is_better)
    if len(found) < FRONT or len(best) < 2:  # one point makes no line
        best = []

    def draw(figure: Figure, axes: Axes) -> None:
        if best:
            axes.step(
                *zip(*best, strict=True), where="post", color=SOFT, linewidth=1.3, linestyle="--",
                label="best for its cost",
            )  # fmt: skip
        labels = shorten([point.row.full for _, point in found], LEGEND)
        for (seconds, point), label in zip(found, labels, strict=True):
            drawn = look(point.number)
            axes.errorbar(
                seconds, point.mean, yerr=point.half, color=drawn.colour, marker=drawn.marker, markersize=7,
                linestyle="none", elinewidth=1.2, label=label, clip_on=False,  # at 0 s as well
            )  # fmt: skip
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        legend(figure, axes)

    bars = "; bars are 95 % t-intervals over seeds" if any(point.half for _, point in found) else ""
    dashed = " Dashed: nothing is better for less time." if best else ""
    over = seeds_said([point for _, point in found])
    started = any(point.row.cells[0].cell.get("starts") for _, point in found)
    whole = " with that of all that it starts from" if started else ""
    caption = f"{column.title} against the time of training{whole}, means over {over}{bars}.{dashed}"
    return book.draw(f"{column.title} for its cost", "training (s)", axis(column), caption, draw)
