"""Pivot tables: one per metric, with a column for each data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from harness.base.slugs import shorten
from harness.reporting.leaderboard.grids import Cell, Grid, score_cell
from harness.reporting.leaderboard.tables import ROW, Column, Row, Score, Table
from harness.reporting.leaderboard.text import MISSING, natural
from harness.reporting.leaderboard.view import By


class Place(NamedTuple):
    """A column of a table, which is one column of a pivot: what was trained on, and what is scored on."""

    table: Table
    number: int

    @property
    def column(self) -> Column:
        return self.table.columns[self.number]

    @property
    def title(self) -> str:
        return self.table.title + (f" → {self.column.on}" if self.column.on else "")

    @property
    def full(self) -> str:
        return self.table.full + (f" → {self.column.on}" if self.column.on else "")


@dataclass(frozen=True)
class Pivot:
    """One metric of an evaluator, on its cells' data and on data of its own. Scores are by row and place. `title`: what
    it is called on the cells' own data, or else on each of the others; `full`, unshortened."""

    column: Column
    title: str
    full: str
    places: tuple[Place, ...]
    rows: tuple[tuple[str, str, tuple[tuple[Row, Score, Column] | None, ...]], ...]  # in full, shortened, scores

    @property
    def by(self) -> By:
        return self.places[0].table.by


def pivoted(tables: Sequence[Table]) -> list[Pivot]:
    """In the order of the metrics' titles; rows by their mean rank over the places."""
    places: dict[str, list[Place]] = {}
    for table in tables:
        for index, column in enumerate(table.columns):
            places.setdefault(column.alike, []).append(Place(table, index))
    pivots = [_pivot(sorted(each, key=lambda place: natural(place.full))) for each in places.values()]
    return sorted(pivots, key=lambda pivot: natural(pivot.full))


def _pivot(places: Sequence[Place]) -> Pivot:
    labels: dict[str, str] = {}
    found: dict[tuple[str, int], tuple[Row, Score, Column]] = {}
    for number, place in enumerate(places):
        for row in place.table.rows:
            if score := row.scores[place.number]:
                labels.setdefault(row.key, row.full)
                found[row.key, number] = (row, score, place.column)
    rows = [
        (full, label, tuple(found.get((key, number)) for number in range(len(places))))
        for (key, full), label in zip(labels.items(), shorten(list(labels.values()), ROW), strict=True)
    ]
    rows.sort(key=lambda row: (mean_rank(row[2]) or float("inf"), natural(row[0])))
    columns = [place.column for place in places]
    named = [column for column in columns if not column.on][:1] or columns
    titles, full = (" / ".join(dict.fromkeys(each)) for each in zip(*((c.title, c.full) for c in named), strict=True))
    return Pivot(named[0], titles, full, tuple(places), tuple(rows))


def mean_rank(cells: Sequence[tuple[Row, Score, Column] | None]) -> float | None:
    """Over the tables that rank it."""
    ranks = [cell[1].rank.middle for cell in cells if cell and cell[1].rank]
    return fmean(ranks) if ranks else None


def pivots(tables: Sequence[Table]) -> list[tuple[str, Grid, list[str]]]:
    """Title, grid and notes of each."""
    return [(each.title, _grid(each), _notes(each)) for each in pivoted(tables)]


def _grid(pivot: Pivot) -> Grid:
    rows = []
    for _, label, cells in pivot.rows:
        rank = mean_rank(cells)
        shown = [Cell(MISSING) if cell is None else score_cell(cell[2], cell[1], cell[0]) for cell in cells]
        rows.append((Cell(label), *shown, Cell(MISSING if rank is None else f"{rank:.1f}")))
    return Grid((pivot.by, *(place.title for place in pivot.places), "mean rank"), tuple(rows))


def _notes(pivot: Pivot) -> list[str]:
    lines = [] if pivot.column.higher_is_better else ["↓ lower is better."]
    if any(cell and cell[1].protocol != cell[2].protocol for _, _, cells in pivot.rows for cell in cells):
        lines.append("† of another protocol than the column's, so not ranked.")
    partial = [label for _, label, cells in pivot.rows if None in cells]
    if partial:
        lines.append(f"Not scored on every data set, so ranks are over fewer: {', '.join(partial)}.")
    return lines
