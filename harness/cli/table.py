"""Prints tables as plain text, in colour on a terminal; rich takes longer to load than all of `harness list`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

STYLES = {"": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
NARROWEST = 8
UNLIMITED = 100_000


@dataclass(frozen=True)
class Column:
    """`wraps`: whether its text may take several lines where the terminal is too narrow."""

    title: str
    style: str = ""
    wraps: bool = True


def styled(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if colour and style else text


def in_colour() -> bool:
    """Whether standard output is a terminal that wants it (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    return shutil.get_terminal_size().columns


def table_width() -> int:
    """Of a table on standard output: in a file or a pipe, a row is a line, unless COLUMNS says how wide."""
    return shutil.get_terminal_size((80 if sys.stdout.isatty() else UNLIMITED, 24)).columns


def lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str | tuple[str, str]]], width: int, *, colour: bool
) -> Iterator[str]:
    """The titles and rows of a table as lines. A cell is text, or text with a style that overrides its column's."""
    cells = [
        [(clean(cell[0]), cell[1]) if isinstance(cell, tuple) else (clean(cell), "") for cell in row] for row in rows
    ]
    longest = [max([len(column.title), *(len(row[i][0]) for row in cells)]) for i, column in enumerate(columns)]
    widths = _fit_widths(longest, [column.wraps for column in columns], width - len(columns) + 1)
    for row in ([(column.title, "bold") for column in columns], *cells):
        parts = [wrap(text, widths[i]) or [""] if len(text) > widths[i] else [text] for i, (text, _) in enumerate(row)]
        for number in range(max(map(len, parts))):
            line = ""
            for i, (column, (_, style)) in enumerate(zip(columns, row, strict=True)):
                text = parts[i][number] if number < len(parts[i]) else ""
                gap = " " * (widths[i] - len(text) + 1) if i + 1 < len(columns) else ""
                line += styled(text, style or column.style, colour) + gap
            yield line.rstrip()


def clean(text: str) -> str:
    """Without control characters: labels and summaries come from anywhere."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def _fit_widths(longest: Sequence[int], wraps: Sequence[bool], room: int) -> list[int]:
    """Fit the widths of columns into `room` by narrowing the widest of those that may wrap."""
    widths = list(longest)
    while sum(widths) > room:
        widest = max((i for i in range(len(widths)) if wraps[i]), key=lambda i: widths[i])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths
