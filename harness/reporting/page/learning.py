"""Learning curves: a figure per row, as losses of different methods cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.reporting.leaderboard.tables import Table
from harness.reporting.page.curves import Curve, curve, read
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.style import MOST, Picture, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning(table: Table, folder: Path, book: Sketchbook) -> list[Picture]:
    """None for rows of which no step was logged."""
    pictures = []
    for number, row in enumerate(table.rows[:MOST]):
        found = curve(read(folder / "cells" / cell.id / "steps.jsonl") for cell in row.cells)
        if found:
            pictures.append(_picture(row.label, number, found, book))
    return pictures


def _picture(label: str, number: int, found: Curve, book: Sketchbook) -> Picture:
    shared = len(found.mean)

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
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")

    band = f"mean of {found.seeds} seeds; the band is from the lowest to the highest" if found.seeds > 1 else "1 seed"
    if shared < len(found.steps):
        band += ". The mean ends where the shortest seed ends; past it, the band is of those that went on"
    caption = f"Training loss of {label}: {band}. Each point is the mean of up to 1/60 of the steps."
    return book.draw(label, "training step", "loss", caption, draw, height=210)
