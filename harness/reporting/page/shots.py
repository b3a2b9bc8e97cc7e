"""Plots few-shot scores against shots, for evaluators that differ only in their option `shots`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.base.slugs import shorten
from harness.reporting.leaderboard.identity import identity
from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.leaderboard.text import canonical, clean, settings
from harness.reporting.page.figures import Sketchbook, axis, points, seeds_said
from harness.reporting.page.style import LEGEND, MOST, Picture, legend, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def shots(table: Table, book: Sketchbook) -> list[Picture]:
    """A figure for each such family of two evaluators or more, if a row that is drawn has a score in it."""
    families: dict[str, list[tuple[int, Column]]] = {}
    evaluators = {key: each["evaluator"] for cell in table.cells for key, each in cell.evaluations.items()}
    for column in table.columns:
        evaluator = identity(evaluators[column.key[0]])
        number = evaluator["options"].pop("shots", None)
        if isinstance(number, int):
            families.setdefault(canonical([evaluator, column.key[1]]), []).append((number, column))
    pictures = [
        _picture(table, sorted(family, key=lambda each: each[0]), evaluators, book)
        for family in families.values()
        if len({number for number, _ in family}) > 1
    ]
    return [picture for picture in pictures if picture]


def _picture(
    table: Table, family: list[tuple[int, Column]], evaluators: Mapping[str, Mapping[str, Any]], book: Sketchbook
) -> Picture | None:
    column = family[0][1]
    options = evaluators[column.key[0]]["options"]
    lines: dict[int, list[tuple[int, Any]]] = {}
    for number, each in family:
        for point in points(table, each, MOST):
            lines.setdefault(point.number, []).append((number, point))
    if not lines:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        labels = shorten([table.rows[row].full for row in lines], LEGEND)
        for (row, places), label in zip(lines.items(), labels, strict=True):
            drawn = look(row)
            axes.errorbar(
                [number for number, _ in places],
                [point.mean for _, point in places],
                yerr=[point.half or 0 for _, point in places],
                color=drawn.colour, marker=drawn.marker, linestyle=drawn.dash, markersize=6, linewidth=1.5,
                elinewidth=1, label=label,
            )  # fmt: skip
        axes.set_xticks(sorted({number for number, _ in family}))
        axes.margins(x=0.1)
        legend(figure, axes)

    ways = f"{options['ways']}-way, by shots" if isinstance(options.get("ways"), int) else "By shots"
    rest = clean(settings({key: value for key, value in options.items() if key != "shots"}))
    every = [point for places in lines.values() for _, point in places]
    bars = "; bars are 95 % t-intervals over seeds" if any(point.half for point in every) else ""
    caption = f"Score by the number of labelled samples per class: means over {seeds_said(every)}{bars}. {rest}."
    what = f"{clean(column.key[1])} (%)" if column.percent else axis(column)
    return book.draw(ways, "shots (labelled samples per class)", what, caption, draw)
