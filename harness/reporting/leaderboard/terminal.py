"""Prints tables on a terminal without cutting text, however narrow it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from harness.reporting.leaderboard.grids import Grid
from harness.reporting.leaderboard.reading import HEADING, NOTHING
from harness.reporting.leaderboard.sections import Board

if TYPE_CHECKING:
    from rich.console import Console

_LABEL_WIDTH = 28
_PROSE_WIDTH = 100  # longer lines are hard to read


def to_console(board: Board, console: Console) -> None:
    from rich.text import Text

    def line(text: str, style: str) -> None:
        console.print(Text(text, style=style))

    if not board.sections:
        line(NOTHING, "")
        return

    def bullet(text: str) -> None:
        width = min(console.width, _PROSE_WIDTH)
        line(fill(text, width, initial_indent="- ", subsequent_indent="  "), "dim")

    for section in board.sections:
        console.print()
        line(section.title, "bold")
        for grid in section.grids:
            _print(grid, console)
        if section.diagram:
            console.print(Text(section.diagram), soft_wrap=True)
        for failed in section.failed:
            line(f"Failed: {failed}", "red")
        for note in section.notes:
            bullet(note)
    if board.reading:
        console.print()
        line(HEADING, "dim")
    for each in board.reading:
        bullet(each)


def _print(grid: Grid, console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    parts = list(_fitting(grid, console.width))
    if len(parts) > 1:  # "91.2±0.8 (1-2)" is narrower
        grid = Grid(
            grid.headers, tuple(tuple(replace(cell, text=_tight(cell.text)) for cell in row) for row in grid.rows)
        )
        parts = list(_fitting(grid, console.width))
    for columns, widths, gap in parts:
        shown = RichTable(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
        for i in columns:
            header = Text(grid.headers[i], overflow="fold")
            side: Literal["left", "right"] = "right" if i else "left"
            # of a fixed width, or rich may shorten a number
            shown.add_column(header, width=widths[i], justify=side, vertical="bottom", overflow="fold")
        for row in grid.rows:
            shown.add_row(*(Text(row[i].text, style="bold green" if row[i].best else "") for i in columns))
        console.print(shown)
        console.print()


def _tight(text: str) -> str:
    return text.replace(" ± ", "±")


def _fitting(grid: Grid, width: int) -> Iterator[tuple[list[int], list[int], int]]:
    """Columns of each part that fits the width, always with the labels; the width of every column of the grid; and the
    padding between columns. Headers are wrapped only where they would not fit.

    Beside the padding a column is parted from the next by one blank.
    """
    every = list(range(len(grid.headers)))
    wrapped = [min(_LABEL_WIDTH, _width(grid, 0)), *(_width(grid, i) for i in every[1:])]
    plain = [wrapped[0], *(max(wrapped[i], len(grid.headers[i])) for i in every[1:])]
    for widths, gap in ((plain, 2), (wrapped, 2), (wrapped, 1), (wrapped, 0)):
        if sum(widths) + (gap + 1) * (len(every) - 1) <= width:
            yield every, widths, gap
            return
    part: list[int] = []
    for i in every[1:]:
        if part and wrapped[0] + sum(2 + wrapped[each] for each in (*part, i)) > width:
            yield [0, *part], wrapped, 1
            part = []
        part.append(i)
    yield [0, *part], wrapped, 1


def _width(grid: Grid, i: int) -> int:
    """The widest cell, or the longest word of the header, which can be wrapped."""
    from rich.cells import cell_len

    longest_word = max((cell_len(word) for word in grid.headers[i].split()), default=0)
    return max(longest_word, *(cell_len(row[i].text) for row in grid.rows))
