"""Plots metrics of one evaluator that differ in a number, such as the return of each episode."""

from __future__ import annotations

import re

from harness.reporting.leaderboard.tables import Column, Table
from harness.reporting.leaderboard.text import clean
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.lines import draw_lines, lines, means_said
from harness.reporting.page.style import Picture

LEAST = 3  # numbers that make a line


def numbered(table: Table, book: Sketchbook) -> list[Picture]:
    """A figure for each evaluator with metrics "NAME 1", "NAME 2" and so on, if a row that is drawn has one."""
    families: dict[tuple[str, str, bool], list[tuple[int, Column]]] = {}
    for column in table.columns:
        if match := re.fullmatch(r"(\D+) (\d{1,6})", column.key[1]):
            family = (column.key[0], match[1], column.percent)
            families.setdefault(family, []).append((int(match[2]), column))
    pictures = [_picture(table, name, sorted(family, key=lambda each: each[0]), book)
                for (_, name, _), family in families.items() if len(family) >= LEAST]  # fmt: skip
    return [picture for picture in pictures if picture]


def _picture(table: Table, name: str, family: list[tuple[int, Column]], book: Sketchbook) -> Picture | None:
    found, column = lines(table, family), family[0][1]
    if not found:
        return None
    what, label = clean(name, 40), clean(column.label, 40)
    hint = "" if column.higher_is_better else " (lower is better)"
    caption = f"{label} by {what}: {means_said(found)}. {clean(column.protocol, 200)}."
    return book.draw(
        f"{label} by {what}",
        what,
        f"{label} (%){hint}" if column.percent else f"{label}{hint}",
        caption,
        lambda figure, axes: draw_lines(table, found, figure, axes),
    )
