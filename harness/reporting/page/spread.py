"""Plots the spread of scores over seeds, and over the episodes or samples of one seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.slugs import shorten
from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.leaderboard.text import clean
from harness.reporting.page.figures import Point, Sketchbook, axis, npz_of, points, seed_values, seeds_said
from harness.reporting.page.style import INK, MOST, SOFT, TICK, Picture, look
from harness.reporting.page.units import units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def over_seeds(table: Table, book: Sketchbook) -> list[Picture]:
    """A figure per column with more than one seed: each seed's score, and the mean with its interval."""
    pictures = []
    for column in table.columns:
        found = points(table, column, MOST)
        if any(point.score.interval.n > 1 for point in found):
            pictures.append(_seeds(column, found, book))
    return pictures


def _seeds(column: Column, found: list[Point], book: Sketchbook) -> Picture:
    def draw(_: Figure, axes: Axes) -> None:
        for place, point in enumerate(found):
            drawn, values = look(point.number), seed_values(point, column)
            axes.errorbar(point.mean, place, xerr=point.half, color=INK, marker="|", markersize=11, elinewidth=1.2)
            axes.plot(
                values, [place] * len(values), color=drawn.colour, marker=drawn.marker, linestyle="none", markersize=6
            )
        _names(axes, found)

    caption = (
        f"{column.title}: a mark for each of {seeds_said(found)}; the line across is their mean, the bar its 95 % "
        "t-interval."
    )
    return book.draw(f"{column.title} over seeds", axis(column), "", caption, draw, height=90 + 24 * len(found))


def over_units(table: Table, folder: Path, book: Sketchbook) -> list[Picture]:
    """A figure per column whose per-unit values are in the folder and not just right or wrong. Pseudo-values are not
    scores of units, so they have none."""
    means = (column for column in table.columns if column.estimate == "mean")
    return [picture for column in means if (picture := _units(table, column, folder, book))]


def _units(table: Table, column: Column, folder: Path, book: Sketchbook) -> Picture | None:
    import numpy as np

    found, values = [], []
    for point in points(table, column, MOST):
        each = [units(npz_of(folder, cell.id, column), column.key[1]) for cell in point.row.cells]
        known = [array for array in each if array is not None and len(array)]
        if known:
            found.append(point)
            values.append(np.concatenate(known) * (100.0 if column.percent else 1.0))
    if not found or max(len(np.unique(array)) for array in values) <= 2:
        return None

    def draw(_: Figure, axes: Axes) -> None:
        for place, (point, array) in enumerate(zip(found, values, strict=True)):
            drawn = look(point.number)
            low, first, middle, third, high = np.percentile(array, (5, 25, 50, 75, 95))
            axes.plot([low, high], [place, place], color=SOFT, linewidth=1.2)
            axes.plot(
                [first, third], [place, place], color=drawn.colour, linewidth=9, solid_capstyle="butt", alpha=0.75
            )
            axes.plot(middle, place, color=INK, marker="|", markersize=12, markeredgewidth=2)
        _names(axes, found)

    unit = next(
        (clean(metric["unit"], 40) for point in found for metric in point.score.metrics if metric.get("unit")), "unit"
    )
    counts = sorted({len(array) for array in values})
    many = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1])))
    caption = (
        f"{column.title} of single {unit}s, {many} for each row, all seeds together: line from the 5th to the 95th "
        f"percentile, box from the 25th to the 75th, mark at the median."
    )
    title = f"{column.title} over {unit}s"
    return book.draw(title, axis(column), "", caption, draw, height=90 + 24 * len(found))


def _names(axes: Axes, found: list[Point]) -> None:
    axes.set_yticks(range(len(found)), shorten([point.row.full for point in found], TICK))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
