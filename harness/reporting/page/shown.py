"""Draws what evaluators show beside their scores: series along an axis, and pictures with boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.slugs import shorten
from harness.base.wording import quantity
from harness.reporting.leaderboard.tables import Column, Row, Table
from harness.reporting.leaderboard.text import clean, joined
from harness.reporting.page.figures import Sketchbook, axis, npz_of
from harness.reporting.page.style import DASHES, LEGEND, MOST, SERIES, Picture, legend, look
from harness.reporting.page.units import arrays
from harness.reporting.statistics import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 8  # pictures side by side


def shown(table: Table, folder: Path, book: Sketchbook) -> list[Picture]:
    """A figure for each column with series in the folder, and one for each row and column with pictures."""
    pictures = []
    for column in table.columns:
        if lines := list(_lines(table, column, folder)):
            pictures.append(_series(table, column, lines, book))
        for row in table.rows[:MOST]:
            pictures += _pictures(row, column, folder, book)
    return pictures


def _stored(row: Row, column: Column, folder: Path, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Of each seed of a row that shows something of this kind: the cell, and the arrays by the last part of their
    names."""
    evaluator, metric = column.key
    for cell in row.cells:
        told = cell.evaluations.get(evaluator, {}).get("metrics", {}).get(metric, {})
        found = arrays(npz_of(folder, cell.id, column), f"{kind}/{metric}/") if kind in told else {}
        if found and (_is_series(found) if kind == "series" else _are_pictures(found)):
            yield cell, found


def _is_series(found: dict[str, Any]) -> bool:
    """A folder may hold anything: as `harness.Series` says it, or it is not drawn."""
    import numpy as np

    places, values = found.get("places"), found.get("values")
    if places is None or values is None or values.ndim != 2 or values.shape[1:] != places.shape:
        return False
    return bool(values.size and all(each.dtype.kind == "f" and np.isfinite(each).all() for each in (places, values)))


def _are_pictures(found: dict[str, Any]) -> bool:
    """As `harness.Pictures` says it."""
    pixels = found.get("pixels")
    if pixels is None or pixels.ndim != 4 or pixels.dtype.name != "uint8" or pixels.shape[1] not in (1, 3):
        return False
    boxes = [each for name, each in found.items() if name != "pixels"]
    if not all(each.dtype.kind == "f" and each.ndim == 2 and each.shape[1] == 5 for each in boxes):
        return False
    return bool(pixels.size and all(((each[:, 0] >= 0) & (each[:, 0] < len(pixels))).all() for each in boxes))


def _lines(table: Table, column: Column, folder: Path) -> Iterator[tuple[int, list[float], list[Interval]]]:
    """The number of each row with series, the places on the axis, and the intervals there over seeds."""
    factor = 100.0 if column.percent else 1.0
    for number, row in enumerate(table.rows[:MOST]):
        found = [each for _, each in _stored(row, column, folder, "series")]
        places = [each["places"].tolist() for each in found]
        if found and all(each == places[0] for each in places):
            means = [(factor * each["values"].mean(0)).tolist() for each in found]
            yield number, places[0], [t_interval(values) for values in zip(*means, strict=True)]


def _series(
    table: Table, column: Column, lines: list[tuple[int, list[float], list[Interval]]], book: Sketchbook
) -> Picture:
    evaluator, metric = column.key
    told = [
        cell.evaluations[evaluator]["metrics"][metric]["series"]
        for number, _, _ in lines
        for cell in table.rows[number].cells
        if "series" in cell.evaluations.get(evaluator, {}).get("metrics", {}).get(metric, {})
    ]
    seeds = sorted({interval.n for _, _, intervals in lines for interval in intervals})
    banded = seeds[-1] > 1

    def draw(figure: Figure, axes: Axes) -> None:
        labels = shorten([table.rows[number].full for number, _, _ in lines], LEGEND)
        for (number, places, intervals), label in zip(lines, labels, strict=True):
            drawn, means = look(number), [interval.mean for interval in intervals]
            halves = [interval.half_width or 0.0 for interval in intervals]
            if any(halves):
                low, high = ([m + sign * h for m, h in zip(means, halves, strict=True)] for sign in (-1, 1))
                axes.fill_between(places, low, high, facecolor=(drawn.colour, 0.18), linewidth=0)
            axes.plot(
                places, means, color=drawn.colour, marker=drawn.marker, linestyle=drawn.dash, markersize=5,
                markevery=max(1, len(places) // 8), linewidth=1.6, label=label,
            )  # fmt: skip
        legend(figure, axes)

    x = clean(joined(told), 60)
    many = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    over = f"means over {many} seeds, the bands are 95 % t-intervals" if banded else "1 seed"
    return book.draw(f"{column.title} by {x}", x, axis(column), f"{column.title} by {x}: {over}.", draw)


def _pictures(row: Row, column: Column, folder: Path, book: Sketchbook) -> list[Picture]:
    """The pictures of a row's first seed that has some, in one figure."""
    import numpy as np

    cell, found = next(_stored(row, column, folder, "pictures"), (None, {}))
    if cell is None:
        return []
    pixels = found.pop("pixels")
    across = min(ACROSS, len(pixels))
    down, (height, width) = -(-len(pixels) // across), pixels.shape[2:]
    sheet = np.full((down * height, across * width, 3), 255, np.uint8)
    corners = [(number // across * height, number % across * width) for number in range(len(pixels))]
    for (top, left), picture in zip(corners, pixels, strict=True):
        sheet[top : top + height, left : left + width] = picture.transpose(1, 2, 0)

    def draw(figure: Figure, axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        axes.imshow(sheet, interpolation="none")  # embedded as it is; the reader's program scales it
        axes.set_axis_off()
        for number, (name, boxes) in enumerate(sorted(found.items())):
            label: str | None = clean(name.removeprefix("boxes/"))
            for index, x0, y0, x1, y1 in boxes.tolist():
                top, left = corners[int(index)]
                place = left + x0 - 0.5, top + y0 - 0.5
                colour, dash = SERIES[1 + number % 6], DASHES[number % 4]
                axes.add_patch(
                    Rectangle(place, x1 - x0, y1 - y0, fill=False, label=label, edgecolor=colour, linestyle=dash)
                )
                label = None  # one line of the legend for all boxes of a kind
        if axes.get_legend_handles_labels()[0]:
            legend(figure, axes)

    ratio = down * height / (across * width)
    caption = f"{column.title}: what {row.label} shows, seed {cell.cell['seed']}, {quantity(len(pixels), 'picture')}."
    title = f"{row.label}: {column.title}"
    return [book.draw(title, "", "", caption, draw, height=round(40 + 350 * ratio))]
