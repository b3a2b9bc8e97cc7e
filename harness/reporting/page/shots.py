"""Plots few-shot scores against shots, for evaluators that differ only in their option `shots`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.reporting.leaderboard.identity import identity
from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.leaderboard.text import canonical, clean, settings
from harness.reporting.page.figures import Sketchbook, axis
from harness.reporting.page.lines import draw_lines, lines, means_said
from harness.reporting.page.style import Picture


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
    found = lines(table, family)
    if not found:
        return None
    ways = f"{options['ways']}-way, by shots" if isinstance(options.get("ways"), int) else "By shots"
    rest = clean(settings({key: value for key, value in options.items() if key != "shots"}))
    caption = f"Score by the number of labelled samples per class: {means_said(found)}. {rest}."
    what = f"{clean(column.key[1])} (%)" if column.percent else axis(column)
    return book.draw(
        ways,
        "shots (labelled samples per class)",
        what,
        caption,
        lambda figure, axes: draw_lines(table, found, figure, axes),
    )
