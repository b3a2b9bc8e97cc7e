"""Tables as one HTML page that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.reporting.leaderboard.grids import Cell, Grid
from harness.reporting.leaderboard.notes import NOTHING, READING, TIES
from harness.reporting.leaderboard.sections import Detail, Section

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


def to_html(sections: Sequence[Section]) -> str:
    body = [f"<p>{escape(f'{READING} {TIES}' if sections else NOTHING)}</p>", *map(_section, sections)]
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


def _section(section: Section) -> str:
    parts = [
        "<section>",
        f"<h2>{escape(section.title)}</h2>",
        *map(_grid, section.grids),
        *([f'<pre class="wide">{escape(section.diagram)}</pre>'] if section.diagram else []),
        *([_bullets(section.notes)] if section.notes else []),
        *(["<p>Failed:</p>", _bullets(section.failed)] if section.failed else []),
        *map(_detail, section.details),
        "</section>",
    ]
    return "\n".join(parts)


def _detail(detail: Detail) -> str:
    grid = [_grid(detail.grid)] if detail.grid else []
    inner = [f"<summary>{escape(detail.summary)}</summary>", *grid, _bullets(detail.lines)]
    return "\n".join(["<details>", *inner, "</details>"])


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
