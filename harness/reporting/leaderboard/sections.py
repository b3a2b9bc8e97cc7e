"""Converts tables to a board of sections, which each format lays out and escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.plugins.published import Published
from harness.reporting.leaderboard import pairwise, reading
from harness.reporting.leaderboard.across import rankings, said
from harness.reporting.leaderboard.diagram import text_diagram
from harness.reporting.leaderboard.grids import Grid, costs, scores, to_best
from harness.reporting.leaderboard.notes import COSTS, failures, marks, notes
from harness.reporting.leaderboard.pivot import pivots
from harness.reporting.leaderboard.provenance import provenance
from harness.reporting.leaderboard.references import grid as reference_grid
from harness.reporting.leaderboard.references import references, sources
from harness.reporting.leaderboard.tables import Table
from harness.reporting.leaderboard.view import View


@dataclass(frozen=True)
class Detail:
    """What is folded away: a summary, and a grid or lines or both."""

    summary: str
    lines: tuple[str, ...]
    grid: Grid | None = None


@dataclass(frozen=True)
class Section:
    title: str
    grids: tuple[Grid, ...] = ()
    diagram: str = ""
    notes: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Board:
    """reading: lines that say how to read the sections. brief: it stands within other text."""

    sections: tuple[Section, ...]
    reading: tuple[str, ...] = ()
    brief: bool = False


def board(
    tables: Sequence[Table], published: Sequence[Published] = (), view: View = View(), *, terminal: bool = False
) -> Board:
    """A section for each table, or with `pivot` for each metric; then mean ranks over data sets, if there are several.

    On a terminal: without letters of ties, costs (unless the view asks for them) and what is folded away elsewhere.
    Briefly: the tables of scores, with what their marks mean, and their costs if the view asks for them.
    """
    first = _pivoted(tables) if view.pivot else [_section(table, published, view, terminal) for table in tables]
    if view.brief:
        return Board((*first, *(_costs(table) for table in tables if view.pivot and view.costs)), brief=True)
    last = [_origin(table, view, terminal) for table in tables] if view.pivot else []
    lines = reading.how_to_read(tables, ties=view.pivot or not terminal)
    return Board((*first, *_across(tables), *last), tuple(lines))


def _section(table: Table, published: Sequence[Published], view: View, terminal: bool) -> Section:
    with_costs = view.costs or not (terminal or view.brief)
    grids = (scores(table, ties=not terminal), *([costs(table)] if with_costs else []))
    if view.brief:
        return Section(table.title, grids, notes=tuple(marks(table)))
    found = references(table, published)
    return Section(
        table.title,
        (*grids, *([reference_grid(found)] if found else [])),
        notes=(*notes(table, costs=with_costs), *sources(found)),
        failed=tuple(failures(table)),
        details=() if terminal else (*_gaps(table), *_pairs(table), _provenance(table)),
    )


def _pivoted(tables: Sequence[Table]) -> list[Section]:
    return [Section(title, (grid,), notes=tuple(lines)) for title, grid, lines in pivots(tables)]


def _costs(table: Table) -> Section:
    return Section(table.title, (costs(table),), notes=(COSTS,))


def _gaps(table: Table) -> list[Detail]:
    found = to_best(table)
    return [Detail("Difference to the best", (reading.BEST,), found)] if found else []


def _pairs(table: Table) -> list[Detail]:
    found = pairwise.pairwise(table)
    return [Detail(pairwise.TITLE, (reading.pairs(table),), pairwise.grid(found))] if found else []


def _provenance(table: Table) -> Detail:
    return Detail("Provenance", tuple(provenance(table)))


def _origin(table: Table, view: View, terminal: bool) -> Section:
    """What a pivoted table leaves open: costs, failures and provenance."""
    with_costs = view.costs or not terminal
    return Section(
        table.title,
        (costs(table),) if with_costs else (),
        notes=tuple(notes(table, costs=with_costs)),
        failed=tuple(failures(table)),
        details=() if terminal else (*_gaps(table), *_pairs(table), _provenance(table)),
    )


def _across(tables: Sequence[Table]) -> list[Section]:
    return [
        Section(f"Mean rank over data sets: {each.title}", diagram=text_diagram(each), notes=tuple(said(each)))
        for each in rankings(tables)
    ]
