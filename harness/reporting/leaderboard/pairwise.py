"""Counts for each pair of rows in how many columns one wins, ties and loses."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reporting.leaderboard.grids import Cell, Grid
from harness.reporting.leaderboard.places import MOST
from harness.reporting.leaderboard.tables import Table
from harness.reporting.leaderboard.text import MISSING

TITLE = "Pairwise wins / ties / losses"


@dataclass(frozen=True)
class Pairwise:
    """`counts[a, b]`: wins, ties and losses of row a against row b, over the columns where both are ranked."""

    labels: tuple[str, ...]
    counts: dict[tuple[int, int], tuple[int, int, int]]


def pairwise(table: Table) -> Pairwise | None:
    """None if no two rows can be compared, or there are too many."""
    if len(table.rows) > MOST:
        return None
    counts: dict[tuple[int, int], tuple[int, int, int]] = {}
    for a, row in enumerate(table.rows):
        places = [score.place for score in row.scores if score and score.place]
        for b, other in enumerate(table.rows):
            signs = [place.rivals[other.key] for place in places if other.key in place.rivals]
            if signs:
                counts[a, b] = (signs.count(1), signs.count(0), signs.count(-1))
    return Pairwise(tuple(row.label for row in table.rows), counts) if counts else None


def grid(found: Pairwise) -> Grid:
    """'2 / 1 / 1': wins, ties and losses of the row against the column."""
    size = range(len(found.labels))
    rows = [
        (Cell(found.labels[a]), *(Cell(" / ".join(map(str, found.counts.get((a, b), ()))) or MISSING) for b in size))
        for a in size
    ]
    return Grid(("row against column", *found.labels), tuple(rows))
