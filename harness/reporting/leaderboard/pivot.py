"""One table per metric: rows by data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.base.slugs import shortened
from harness.reporting.leaderboard.grids import Cell, Grid, score_cell
from harness.reporting.leaderboard.tables import ROW, Column, Row, Score, Table
from harness.reporting.leaderboard.text import MISSING, natural


@dataclass(frozen=True)
class Pivot:
    """One metric of an evaluator. `scores` are by row and table."""

    column: Column
    tables: tuple[Table, ...]
    rows: tuple[tuple[str, str, tuple[tuple[Row, Score, Column] | None, ...]], ...]  # in full, shortened, scores


def pivoted(tables: Sequence[Table]) -> list[Pivot]:
    """In the order of the metrics' titles; rows by their mean rank over the tables."""
    first: dict[tuple[str, str], Column] = {}
    for table in tables:
        for column in table.columns:
            first.setdefault(column.key, column)
    return [_pivot(tables, column) for column in sorted(first.values(), key=lambda column: natural(column.full))]


def _pivot(tables: Sequence[Table], column: Column) -> Pivot:
    having = tuple(table for table in tables if any(each.key == column.key for each in table.columns))
    labels: dict[str, str] = {}
    found: dict[tuple[str, str], tuple[Row, Score, Column]] = {}
    for table in having:
        index = next(i for i, each in enumerate(table.columns) if each.key == column.key)
        for row in table.rows:
            if score := row.scores[index]:
                labels.setdefault(row.key, row.full)
                found[row.key, table.key] = (row, score, table.columns[index])
    rows = [
        (full, label, tuple(found.get((key, table.key)) for table in having))
        for (key, full), label in zip(labels.items(), shortened(list(labels.values()), ROW), strict=True)
    ]
    rows.sort(key=lambda row: (mean_rank(row[2]) or float("inf"), natural(row[0])))
    return Pivot(column, having, tuple(rows))


def mean_rank(cells: Sequence[tuple[Row, Score, Column] | None]) -> float | None:
    """Over the tables that rank it."""
    ranks = [cell[1].rank.middle for cell in cells if cell and cell[1].rank]
    return fmean(ranks) if ranks else None


def pivots(tables: Sequence[Table]) -> list[tuple[str, Grid, list[str]]]:
    """Title, grid and notes of each."""
    return [(each.column.title, _grid(each), _notes(each)) for each in pivoted(tables)]


def _grid(pivot: Pivot) -> Grid:
    rows = []
    for _, label, cells in pivot.rows:
        rank = mean_rank(cells)
        shown = [Cell(MISSING) if cell is None else score_cell(cell[2], cell[1], cell[0]) for cell in cells]
        rows.append((Cell(label), *shown, Cell(MISSING if rank is None else f"{rank:.1f}")))
    return Grid((pivot.tables[0].by, *(table.title for table in pivot.tables), "mean rank"), tuple(rows))


def _notes(pivot: Pivot) -> list[str]:
    lines = [] if pivot.column.higher_is_better else ["↓ lower is better."]
    if any(cell and cell[1].protocol != cell[2].protocol for _, _, cells in pivot.rows for cell in cells):
        lines.append("† of another protocol than the column's, so not ranked.")
    partial = [label for _, label, cells in pivot.rows if None in cells]
    if partial:
        lines.append(f"Not scored on every data set, so ranks are over fewer: {', '.join(partial)}.")
    return lines
