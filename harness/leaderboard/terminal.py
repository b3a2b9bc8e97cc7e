"""Tables on a terminal: nothing cut, however narrow it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.leaderboard.grids import Grid, costs, scores
from harness.leaderboard.notes import NOTHING, READING, failures, notes
from harness.leaderboard.references import grid, references, sources
from harness.leaderboard.tables import Table
from harness.published import Published

if TYPE_CHECKING:
    from rich.console import Console

_LABEL_WIDTH = 28


def to_console(tables: Sequence[Table], console: Console, published: Sequence[Published] = ()) -> None:
    from rich.text import Text

    def line(text: str, style: str) -> None:
        console.print(Text(text, style=style))

    if not tables:
        line(NOTHING, "")
        return
    for table in tables:
        console.print()
        line(table.title, "bold")
        found = references(table, published)
        for each in (scores(table), costs(table), *([grid(found)] if found else [])):
            _print(each, console)
        for note in (*notes(table), *sources(found)):
            line(note, "dim")
        for failed in failures(table):
            line(f"Failed: {failed}", "red")
    console.print()
    line(READING, "dim")


def _print(grid: Grid, console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    for columns, gap in _fitting(grid, console.width):
        shown = RichTable(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False)
        for i in columns:
            header = Text(grid.headers[i], overflow="fold")
            if i == 0:
                shown.add_column(header, max_width=_LABEL_WIDTH, overflow="fold")
            else:
                shown.add_column(header, justify="right", min_width=_width(grid, i), vertical="bottom")
        for row in grid.rows:
            shown.add_row(*(Text(row[i].text, style="bold green" if row[i].best else "") for i in columns))
        console.print(shown)
        console.print()


def _fitting(grid: Grid, width: int) -> Iterator[tuple[list[int], int]]:
    """Columns of each part that fits the width, always with the labels; and the padding between columns.

    Beside the padding a column is parted from the next by one blank.
    """
    label = min(_LABEL_WIDTH, _width(grid, 0))
    numbers = list(range(1, len(grid.headers)))
    for gap in (2, 1, 0):
        if label + sum(gap + 1 + _width(grid, i) for i in numbers) <= width:
            yield [0, *numbers], gap
            return
    part: list[int] = []
    for i in numbers:
        if part and label + sum(2 + _width(grid, each) for each in (*part, i)) > width:
            yield [0, *part], 1
            part = []
        part.append(i)
    yield [0, *part], 1


def _width(grid: Grid, i: int) -> int:
    """The widest number, or the longest word of the header, which can be wrapped."""
    from rich.cells import cell_len

    longest_word = max((cell_len(word) for word in grid.headers[i].split()), default=0)
    return max(longest_word, *(cell_len(row[i].text) for row in grid.rows))
