"""Tables as one HTML page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.leaderboard.grids import Cell, Grid, costs, scores
from harness.leaderboard.notes import NOTHING, READING, failures, notes
from harness.leaderboard.provenance import provenance
from harness.leaderboard.references import grid, references, sources
from harness.leaderboard.tables import Table
from harness.published import Published

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5c6370; --paper: #fff; --line: #d9dce1; --best: #e3f1e5 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --soft: #9aa1ad; --paper: #16181c; --line: #343840; --best: #1f3a26 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }
h2 { margin: 2.5rem 0 .5rem }
.wide { overflow-x: auto; margin: .75rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
thead th { vertical-align: bottom; color: var(--soft); font-weight: 600; white-space: normal; min-width: 3rem }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper) }
tbody th { font-weight: 600; white-space: normal; min-width: 8rem; max-width: 16rem; overflow-wrap: anywhere }
td.best { font-weight: 700; background: var(--best) }
ul, details { color: var(--soft); font-size: .9rem; padding-left: 1.2rem }
details { padding-left: 0 }
"""


def to_html(tables: Sequence[Table], published: Sequence[Published] = ()) -> str:
    body = [f"<p>{escape(READING if tables else NOTHING)}</p>", *(_section(table, published) for table in tables)]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<title>Leaderboard</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<h1>Leaderboard</h1>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _section(table: Table, published: Sequence[Published]) -> str:
    failed = failures(table)
    found = references(table, published)
    parts = [
        "<section>",
        f"<h2>{escape(table.title)}</h2>",
        _grid(scores(table)),
        _grid(costs(table)),
        *([_grid(grid(found))] if found else []),
        _bullets([*notes(table), *sources(found)]),
        *(["<p>Failed:</p>", _bullets(failed)] if failed else []),
        "<details><summary>Provenance</summary>",
        _bullets(provenance(table)),
        "</details>",
        "</section>",
    ]
    return "\n".join(parts)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(["<ul>", *(f"<li>{escape(line)}</li>" for line in lines), "</ul>"])


def _grid(grid: Grid) -> str:
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in grid.headers)
    body = [
        f'<tr><th scope="row">{escape(label.text)}</th>{"".join(map(_number, numbers))}</tr>'
        for label, *numbers in grid.rows
    ]
    table = ["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *body, "</tbody>", "</table>"]
    return "\n".join(['<div class="wide">', *table, "</div>"])


def _number(cell: Cell) -> str:
    return f'<td class="best">{escape(cell.text)}</td>' if cell.best else f"<td>{escape(cell.text)}</td>"
