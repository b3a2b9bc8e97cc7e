"""Tables as Markdown, as GitHub renders it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.leaderboard.grids import Grid, costs, scores
from harness.leaderboard.notes import NOTHING, READING, failures, notes
from harness.leaderboard.provenance import provenance
from harness.leaderboard.references import grid, references, sources
from harness.leaderboard.tables import Table
from harness.published import Published


def to_markdown(tables: Sequence[Table], published: Sequence[Published] = ()) -> str:
    parts = ["# Leaderboard", READING if tables else NOTHING]
    for table in tables:
        parts += [f"## {escape(table.title)}", _grid(scores(table)), _grid(costs(table))]
        found = references(table, published)
        parts += [_grid(grid(found))] if found else []
        parts += [_bullets([*notes(table), *sources(found)])]
        if failed := failures(table):
            parts += ["Failed:", _bullets(failed)]
        parts += ["<details><summary>Provenance</summary>", _bullets(provenance(table)), "</details>"]
    return "\n\n".join(parts) + "\n"


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
