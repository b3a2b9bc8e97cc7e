"""The ranks of the rows of a column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from harness.reporting.comparisons import Comparisons, Rank, compare
from harness.reporting.leaderboard.text import letters
from harness.reporting.statistics import Interval

MOST = 16  # rows: letters of more, or a table of pairs, nobody reads


@dataclass(frozen=True)
class Place:
    """A row among those of its column.

    ties: letters of the groups of rows that are not separated. to_best: its mean less the best, with half of a
    simultaneous interval. rivals: by key of a row that it is compared with, 1 where this one is better, -1 where it is
    worse, else 0. With more than MOST rows there are no letters and no rivals.
    """

    rank: Rank
    ties: str
    to_best: Interval
    rivals: Mapping[str, int]


def places(
    rows: Sequence[Mapping[int, float]], keys: Sequence[str], grid: float, *, higher_is_better: bool
) -> list[Place | None]:
    """Of the rows that have a finite score on each of the column's usual seeds, if these are two rows and two seeds.

    rows: scores by seed, in order; empty for what is not to be compared. keys: of the rows, each its own.
    """
    sign = 1 if higher_is_better else -1
    finite = [row if all(map(isfinite, row.values())) else {} for row in rows]
    seeds = usual_seeds(finite)
    taking = [i for i, row in enumerate(finite) if tuple(row) == seeds]
    placed: list[Place | None] = [None] * len(rows)
    if len(seeds) > 1 and len(taking) > 1:
        compared = compare([[sign * value for value in finite[i].values()] for i in taking], grid)
        for i, place in zip(taking, _places_of(compared, [keys[i] for i in taking], len(seeds), sign), strict=True):
            placed[i] = place
    return placed


def usual_seeds(rows: Iterable[Mapping[int, float]]) -> tuple[int, ...]:
    """Those that most rows have; of equally common ones the most, then the first."""
    counts = Counter(tuple(row) for row in rows if row)
    return min(counts, key=lambda seeds: (-counts[seeds], -len(seeds), seeds), default=())


def _places_of(compared: Comparisons, keys: Sequence[str], seeds: int, sign: int) -> list[Place]:
    import numpy as np

    few = len(keys) <= MOST
    ties = letters(compared.groups() if few else [], len(keys))
    best = int(np.argmax(compared.differences.sum(1)))
    gaps, widths = sign * compared.differences[:, best], compared.half_widths[:, best]
    signs = compared.better.astype(int) - compared.better.T
    return [
        Place(
            rank,
            ties[i],
            Interval(float(gaps[i]), None if i == best else float(widths[i]), seeds),
            {keys[j]: int(signs[i, j]) for j in range(len(keys)) if j != i} if few else {},
        )
        for i, rank in enumerate(compared.ranks())
    ]
