"""Converts tables to sections of a leaderboard, which each format lays out and escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.plugins.published import Published
from harness.reporting.leaderboard.across import rankings, said
from harness.reporting.leaderboard.diagram import text_diagram
from harness.reporting.leaderboard.grids import Grid, costs, scores, to_best
from harness.reporting.leaderboard.notes import failures, notes
from harness.reporting.leaderboard.pairwise import TITLE, grid, pairwise, reading
from harness.reporting.leaderboard.pivot import pivots
from harness.reporting.leaderboard.provenance import provenance
from harness.reporting.leaderboard.references import grid as reference_grid
from harness.reporting.leaderboard.references import references, sources
from harness.reporting.leaderboard.tables import Table

BEST = "Difference to the best"
BEST_READING = (
    "Mean less the highest mean of the column, ± half the width of a 95 % interval that holds for all differences of "
    "the column together: where it does not reach 0, the row differs significantly from the best."
)


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


def sections(
    tables: Sequence[Table], published: Sequence[Published] = (), *, pivot: bool = False, terminal: bool = False
) -> list[Section]:
    """A section for each table, or with `pivot` for each metric; then mean ranks over data sets, if there are several.

    On a terminal: without letters of ties and without what is folded away elsewhere.
    """
    if pivot:
        first = [Section(title, (grid,), notes=tuple(lines)) for title, grid, lines in pivots(tables)]
        last = [_origin(table) for table in tables]
    else:
        first = [_section(table, published, terminal) for table in tables]
        last = []
    return [*first, *_across(tables), *last]


def _section(table: Table, published: Sequence[Published], terminal: bool) -> Section:
    found = references(table, published)
    return Section(
        table.title,
        (scores(table, ties=not terminal), costs(table), *([reference_grid(found)] if found else [])),
        notes=(*notes(table), *sources(found)),
        failed=tuple(failures(table)),
        details=() if terminal else (*_gaps(table), *_pairs(table), _provenance(table)),
    )


def _gaps(table: Table) -> list[Detail]:
    found = to_best(table)
    return [Detail(BEST, (BEST_READING,), found)] if found else []


def _pairs(table: Table) -> list[Detail]:
    found = pairwise(table)
    return [Detail(TITLE, (reading(table),), grid(found))] if found else []


def _provenance(table: Table) -> Detail:
    return Detail("Provenance", tuple(provenance(table)))


def _origin(table: Table) -> Section:
    """What a pivoted table leaves open: costs, failures and provenance."""
    details = (*_gaps(table), *_pairs(table), _provenance(table))
    return Section(
        table.title, (costs(table),), notes=tuple(notes(table)), failed=tuple(failures(table)), details=details
    )


def _across(tables: Sequence[Table]) -> list[Section]:
    return [
        Section(f"Mean rank over data sets: {each.title}", diagram=text_diagram(each), notes=tuple(said(each)))
        for each in rankings(tables)
    ]
