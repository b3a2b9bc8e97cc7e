"""Renders tables as GitHub's Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from harness.reporting.leaderboard.grids import Grid
from harness.reporting.leaderboard.reading import HEADING, NOTHING
from harness.reporting.leaderboard.sections import Board, Detail


def to_markdown(board: Board) -> str:
    """A brief one, which stands within other text, has no headings."""
    parts = [] if board.brief else ["# Leaderboard"]
    parts += [] if board.sections else [NOTHING]
    parts += [HEADING, _bullets(board.reading)] if board.reading else []
    for section in board.sections:
        title = escape(section.title)
        parts += [f"**{title}**" if board.brief else f"## {title}", *map(_grid, section.grids)]
        parts += [f"<pre>\n{html.escape(section.diagram)}\n</pre>"] if section.diagram else []
        parts += [_bullets(section.notes)] if section.notes else []
        parts += ["Failed:", _bullets(section.failed)] if section.failed else []
        for detail in section.details:
            parts += _detail(detail)
    return "\n\n".join(parts) + "\n"


def _detail(detail: Detail) -> list[str]:
    grid = [_grid(detail.grid)] if detail.grid else []
    return [f"<details><summary>{escape(detail.summary)}</summary>", *grid, _bullets(detail.lines), "</details>"]


def escape(text: str) -> str:
    """Text that Markdown shows as it is, inside a table as well."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~$#])", r"\\\1", text)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)  # within a word it marks nothing


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _grid(grid: Grid) -> str:
    from tabulate import tabulate

    rows = [[f"**{escape(cell.text)}**" if cell.best else escape(cell.text) for cell in row] for row in grid.rows]
    align = ["left", *["right"] * (len(grid.headers) - 1)]
    return tabulate(
        rows, headers=list(map(escape, grid.headers)), tablefmt="pipe", colalign=align, disable_numparse=True
    )
