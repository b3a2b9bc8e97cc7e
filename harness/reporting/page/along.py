"""Plots scores during training, against samples and against seconds, for evaluators with a `curve`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from harness.base.slugs import shorten
from harness.reporting.leaderboard.tables import Column, Row, Table
from harness.reporting.leaderboard.text import clean
from harness.reporting.page.figures import Sketchbook, axis, points
from harness.reporting.page.style import LEGEND, MOST, Picture, legend, look
from harness.store.points import read_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cost = Literal["samples", "seconds"]
TITLES: dict[Cost, tuple[str, str]] = {
    "samples": ("by samples", "samples seen"),
    "seconds": ("by time", "training (s)"),
}


@dataclass(frozen=True)
class Line:
    """A row's points in a column: of each step, the points of its seeds. `end`: the score of its trained cells."""

    number: int
    row: Row
    steps: list[list[dict[str, Any]]]
    end: float | None

    @property
    def points(self) -> list[dict[str, Any]]:
        return [point for step in self.steps for point in step]


def along(table: Table, folder: Path, book: Sketchbook) -> list[Picture]:
    """Two figures per column that has points in the folder."""
    made = {
        cell.id: read_points(folder / "cells" / cell.id / "curve.jsonl")
        for row in table.rows[:MOST]
        for cell in row.cells
    }
    pictures = []
    for column in table.columns:
        if lines := _lines(table, column, made):
            pictures += [_picture(column, lines, cost, book) for cost in TITLES]
    return pictures


def _lines(table: Table, column: Column, made: dict[str, list[dict[str, Any]]]) -> list[Line]:
    evaluator, metric = column.key
    ends = {point.number: point.mean for point in points(table, column, MOST)}
    lines = []
    for number, row in enumerate(table.rows[:MOST]):
        steps: dict[int, list[dict[str, Any]]] = {}
        for cell in row.cells:
            own = [each for each in made[cell.id] if each["evaluator"] == evaluator]
            for point in own:
                if point["share"] == own[-1]["share"] and _is_drawn(point, metric):  # the suite may have said another
                    steps.setdefault(point["step"], []).append(point)
        if steps:
            lines.append(Line(number, row, [steps[step] for step in sorted(steps)], ends.get(number)))
    return lines


def _is_drawn(point: dict[str, Any], metric: str) -> bool:
    values = [point["samples"], point["seconds"], point["metrics"].get(metric, {}).get("value")]
    return all(value is not None and isfinite(value) for value in values)


def _picture(column: Column, lines: Sequence[Line], cost: Cost, book: Sketchbook) -> Picture:
    metric, factor = column.key[1], 100.0 if column.percent else 1.0

    def value(point: dict[str, Any]) -> float:
        return factor * float(point["metrics"][metric]["value"])

    def draw(figure: Figure, axes: Axes) -> None:
        labels = shorten([line.row.full for line in lines], LEGEND)
        for line, label in zip(lines, labels, strict=True):
            drawn = look(line.number)
            places = [fmean(point[cost] for point in step) for step in line.steps]
            seeds = [list(map(value, step)) for step in line.steps]
            if max(map(len, seeds)) > 1:
                axes.fill_between(
                    places, list(map(min, seeds)), list(map(max, seeds)), facecolor=(drawn.colour, 0.18), linewidth=0
                )
            axes.plot(
                places, list(map(fmean, seeds)), color=drawn.colour, marker=drawn.marker, linestyle=drawn.dash,
                markersize=5, linewidth=1.6, label=label,
            )  # fmt: skip
            if line.end is not None:
                axes.plot(
                    places[-1], line.end, color=drawn.colour, marker=drawn.marker, markersize=11, linestyle="none",
                    markerfacecolor="none", markeredgewidth=1.4, clip_on=False,
                )  # fmt: skip
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter("{x:,.0f}" if cost == "samples" else "{x:,.4g}")
        legend(figure, axes)

    title, x = TITLES[cost]
    whole = f" Large and hollow: the score of the trained cell, on all {_whole(column, lines)}."
    caption = f"{column.title} while training, {_measured(lines, metric)}; {_seeds(lines)}.{whole}"
    return book.draw(f"{column.title} while training, {title}", x, axis(column), caption, draw)


def _measured(lines: Sequence[Line], metric: str) -> str:
    """What a point is measured on: 'each point on a share of 0.2 (400 episodes)'."""
    every = [point for line in lines for point in line.points]
    shares = " or ".join(f"{share:g}" for share in sorted({point["share"] for point in every}))
    metrics = [point["metrics"][metric] for point in every]
    numbers = sorted({int(each["n"]) for each in metrics if each["n"]})
    if not numbers:
        return f"each point on a share of {shares}"
    many = " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))
    return f"each point on a share of {shares} ({many} {clean(metrics[0].get('unit') or 'unit', 40)}s)"


def _whole(column: Column, lines: Sequence[Line]) -> str:
    metrics = [
        cell.evaluations[column.key[0]]["metrics"].get(column.key[1], {})
        for line in lines
        for cell in line.row.cells
        if column.key[0] in cell.evaluations
    ]
    numbers = sorted({int(each["n"]) for each in metrics if each.get("n")})
    if not numbers:
        return "there is"
    many = " to ".join(f"{number:,}" for number in dict.fromkeys((numbers[0], numbers[-1])))
    return f"{many} {clean(metrics[0].get('unit') or 'unit', 40)}s"


def _seeds(lines: Sequence[Line]) -> str:
    counts = sorted({len(step) for line in lines for step in line.steps})
    if counts == [1]:
        return "1 seed"
    many = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return f"means of {many} seeds, the band from the lowest to the highest"
