"""Plots scores during training, against samples, seconds and what methods count, for evaluators with a `curve`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from harness.base.slugs import shorten
from harness.reporting.leaderboard.tables import Column, Row, Table
from harness.reporting.leaderboard.text import clean
from harness.reporting.page.figures import Sketchbook, axis, points
from harness.reporting.page.style import LEGEND, MOST, Picture, legend, look
from harness.store.points import read_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COUNTED = 4  # figures of a column for what methods count


@dataclass(frozen=True)
class Cost:
    """What scores are drawn against: `of` a point, None where it lacks that."""

    title: str
    axis: str
    of: Callable[[dict[str, Any]], float | None]
    format: str = "{x:,.0f}"


SAMPLES = Cost("by samples", "samples seen", lambda point: point["samples"])
SECONDS = Cost("by time", "training (s)", lambda point: point["seconds"], "{x:,.4g}")


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
    """Figures per column that has points in the folder: by samples, by time, and by each thing that methods count."""
    made = {
        cell.id: read_points(folder / "cells" / cell.id / "curve.jsonl")
        for row in table.rows[:MOST]
        for cell in row.cells
    }
    costs = [SAMPLES, SECONDS, *_counted(chain.from_iterable(made.values()))]
    return [
        _picture(column, lines, cost, book)
        for column in table.columns
        for cost in costs
        if (lines := _lines(table, column, made, cost))
    ]


def _counted(found: Iterable[dict[str, Any]]) -> list[Cost]:
    names = sorted({name for point in found for name in point["counted"]})[:MOST_COUNTED]
    return [Cost(f"by {clean(name, 24)}", clean(name, 24), partial(_count, name)) for name in names]


def _count(name: str, point: dict[str, Any]) -> float | None:
    found: float | None = point["counted"].get(name)
    return found


def _lines(table: Table, column: Column, made: dict[str, list[dict[str, Any]]], cost: Cost) -> list[Line]:
    evaluator, metric = column.key
    ends = {point.number: point.mean for point in points(table, column, MOST)}
    lines = []
    for number, row in enumerate(table.rows[:MOST]):
        steps: dict[int, list[dict[str, Any]]] = {}
        for cell in row.cells:
            own = [each for each in made[cell.id] if each["evaluator"] == evaluator]
            for point in own:
                is_latest = point["share"] == own[-1]["share"]  # the suite may have said another before
                if is_latest and _is_drawn(point, metric, cost):
                    steps.setdefault(point["step"], []).append(point)
        if steps:
            lines.append(Line(number, row, [steps[step] for step in sorted(steps)], ends.get(number)))
    return lines


def _is_drawn(point: dict[str, Any], metric: str, cost: Cost) -> bool:
    values = [cost.of(point), point["metrics"].get(metric, {}).get("value")]
    return all(value is not None and isfinite(value) for value in values)


def _picture(column: Column, lines: Sequence[Line], cost: Cost, book: Sketchbook) -> Picture:
    metric, factor = column.key[1], 100.0 if column.percent else 1.0

    def value(point: dict[str, Any]) -> float:
        return factor * float(point["metrics"][metric]["value"])

    def draw(figure: Figure, axes: Axes) -> None:
        labels = shorten([line.row.full for line in lines], LEGEND)
        for line, label in zip(lines, labels, strict=True):
            drawn = look(line.number)
            places = [fmean(cost.of(point) or 0.0 for point in step) for step in line.steps]
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
        axes.xaxis.set_major_formatter(cost.format)
        legend(figure, axes)

    whole = f" Large and hollow: the score of the trained cell, on all {_whole(column, lines)}."
    caption = f"{column.title} while training, {_measured(lines, metric)}; {_seeds(lines)}.{whole}"
    return book.draw(f"{column.title} while training, {cost.title}", cost.axis, axis(column), caption, draw)


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
