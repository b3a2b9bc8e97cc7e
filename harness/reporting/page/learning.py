"""Plots learning curves, with a figure per row and logged value, as losses of different methods are not comparable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.wording import quantity
from harness.reporting.leaderboard.tables import Row, Table
from harness.reporting.leaderboard.text import clean, natural
from harness.reporting.page.curves import Curve, curve, limits, read
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.style import MOST, Picture, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


VALUES = 12  # figures of a row at most: a method may log anything


def learning(table: Table, folder: Path, book: Sketchbook) -> tuple[list[Picture], list[str]]:
    """A picture for each value that a row has logged, the loss first, and a line for each row that has logged too many.
    None for rows of which no step was logged."""
    pictures, missing = [], []
    for number, row in enumerate(table.rows[:MOST]):
        curves = _curves(row, folder)
        names = sorted(curves, key=lambda name: (name != "loss", natural(name)))
        pictures += [_picture(row.label, name, number, curves[name], book) for name in names[:VALUES]]
        if len(names) > VALUES:
            missing.append(f"{row.label} has logged {quantity(len(names), 'value')}, of which {VALUES} are drawn.")
    return pictures, missing


def _curves(row: Row, folder: Path) -> dict[str, Curve]:
    """By the name of the value."""
    seeds = [read(folder / "cells" / cell.id / "steps.jsonl") for cell in row.cells]
    found = {name: curve(seed.get(name, []) for seed in seeds) for name in {name for seed in seeds for name in seed}}
    return {name: each for name, each in found.items() if each}


def _picture(label: str, name: str, number: int, found: Curve, book: Sketchbook) -> Picture:
    shared = len(found.mean)
    what = clean(name, 24)
    low, high = limits((*found.low, *found.high))
    cut = " and ".join(
        [
            *([f"lowest {min(found.low):.3g}"] if low is not None else []),
            *([f"highest {max(found.high):.3g}"] if high is not None else []),
        ]
    )

    def draw(_: Figure, axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        drawn = look(number)
        if found.seeds > 1:
            axes.fill_between(
                found.steps, found.low, found.high,
                facecolor=(drawn.colour, 0.25), edgecolor=drawn.colour, linewidth=0.6,  # one seed's band is its edge
            )  # fmt: skip
        axes.plot(
            found.steps[:shared], found.mean, color=drawn.colour, linestyle=drawn.dash, linewidth=1.8,
            marker=drawn.marker if shared == 1 else None, markersize=6,
        )  # fmt: skip
        axes.set_ylim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")

    band = f"mean of {found.seeds} seeds; the band is from the lowest to the highest" if found.seeds > 1 else "1 seed"
    if shared < len(found.steps):
        band += ". The mean ends where the shortest seed ends; past it, the band is of those that went on"
    cutting = f" The axis is cut ({cut}): what is far from the 5th to the 95th percentile is outside." if cut else ""
    caption = f"Training {what} of {label}: {band}. Each point is the mean of up to 1/60 of the steps.{cutting}"
    axis = f"{what} (cut: {cut})" if cut else what
    return book.draw(f"{label}: {what}", "training step", axis, caption, draw, height=210)
