"""Helpers for the figures of a table: points, axes and captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.wording import quantity
from harness.reporting.leaderboard.tables import Column, Row, Score, Table
from harness.reporting.page.style import Picture, as_svg, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Figure", "Axes"], None]


class Sketchbook:
    """Numbers the figures of a page."""

    def __init__(self) -> None:
        self.count = 0

    def draw(self, title: str, x: str, y: str, caption: str, draw: Draw, *, height: int = 260) -> Picture:
        with drawing(title, x, y, height=height) as (figure, axes):
            draw(figure, axes)
            self.count += 1
            return Picture(as_svg(figure, f"{title}. {caption}", self.count), caption)


@dataclass(frozen=True)
class Point:
    """A row's score in a column, in the unit of the axis."""

    number: int
    row: Row
    score: Score
    mean: float
    half: float | None


def points(table: Table, column: Column, most: int) -> list[Point]:
    """Finite scores of the column's protocol, of the first rows."""
    index = table.columns.index(column)
    factor = 100.0 if column.percent else 1.0
    found = []
    for number, row in enumerate(table.rows[:most]):
        score = row.scores[index]
        if score and score.protocol == column.protocol and isfinite(score.interval.mean):
            half = score.interval.half_width
            found.append(
                Point(number, row, score, factor * score.interval.mean, None if half is None else factor * half)
            )
    return found


def axis(column: Column) -> str:
    """'knn accuracy (%)', or with a hint that lower is better."""
    named = column.key[1] != "accuracy" or "accuracy" in column.title
    what = (column.title if named else f"{column.title} accuracy") + (" (%)" if column.percent else "")
    return what + ("" if column.higher_is_better else " (lower is better)")


def seeds_said(found: Sequence[Point]) -> str:
    """'3 seeds', '1 to 3 seeds'."""
    counts = sorted({point.score.interval.n for point in found})
    return quantity(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def seed_values(point: Point, column: Column) -> list[float]:
    """One per seed, in the unit of the axis."""
    factor = 100.0 if column.percent else 1.0
    values: list[Any] = [metric.get("value") for metric in point.score.metrics]
    return [factor * float(value) for value in values if value is not None and isfinite(float(value))]


def npz_of(folder: Path, cell: str, column: Column) -> Path:
    return folder / "cells" / cell / "evaluations" / f"{column.key[0]}.npz"
