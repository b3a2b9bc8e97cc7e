"""Every row against every other: in how many columns it wins, ties and loses by a paired test over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import isfinite

from harness.leaderboard.friedman import ALPHA
from harness.leaderboard.grids import Cell, Grid
from harness.leaderboard.tables import Column, Row, Table
from harness.leaderboard.text import MISSING
from harness.significance import holm, paired_t

MOST = 16  # rows: more make no table that anyone reads
TITLE = "Pairwise wins / ties / losses"


@dataclass(frozen=True)
class Pairwise:
    """`counts[a, b]`: wins, ties and losses of row a against row b, over the columns where they share two seeds."""

    labels: tuple[str, ...]
    counts: dict[tuple[int, int], tuple[int, int, int]]


def pairwise(table: Table) -> Pairwise | None:
    """None if no two rows can be compared, or there are too many."""
    if len(table.rows) > MOST:
        return None
    counts: dict[tuple[int, int], tuple[int, int, int]] = {}
    for i, column in enumerate(table.columns):
        for (a, b), sign in _verdicts([values(row, column, i) for row in table.rows], _grid(table, column, i)).items():
            for pair, better in (((a, b), sign), ((b, a), -sign)):
                wins, ties, losses = counts.get(pair, (0, 0, 0))
                counts[pair] = (wins + (better > 0), ties + (better == 0), losses + (better < 0))
    return Pairwise(tuple(row.label for row in table.rows), counts) if counts else None


def values(row: Row, column: Column, index: int) -> dict[int, float]:
    """Finite ones by seed, higher being better; none for another protocol than the column's."""
    score = row.scores[index]
    if score is None or score.protocol != column.protocol:
        return {}
    evaluator, name = column.key
    found = {
        cell.cell["seed"]: cell.evaluations[evaluator]["metrics"][name].get("value")
        for cell in row.cells
        if name in cell.evaluations.get(evaluator, {}).get("metrics", {})
    }
    sign = 1 if column.higher_is_better else -1
    return {seed: sign * float(value) for seed, value in found.items() if value is not None and isfinite(value)}


def _verdicts(rows: list[dict[int, float]], grid: float) -> dict[tuple[int, int], int]:
    """1 where the first of a pair wins, -1 where it loses, else 0; Holm over the pairs of the column."""
    differences = {}
    for a, b in combinations(range(len(rows)), 2):
        shared = sorted(rows[a].keys() & rows[b].keys())
        if len(shared) > 1:
            differences[a, b] = [rows[a][seed] - rows[b][seed] for seed in shared]
    adjusted = holm([_two_sided(each, grid) for each in differences.values()])
    return {
        pair: 0 if p >= ALPHA else 1 if sum(each) > 0 else -1
        for (pair, each), p in zip(differences.items(), adjusted, strict=True)
    }


def _two_sided(differences: list[float], grid: float) -> float:
    test = paired_t(differences, grid)
    return 1.0 if test is None else min(1.0, 2 * min(test.worse, test.better))


def _grid(table: Table, column: Column, index: int) -> float:
    """The step between accuracies, for what `paired_t` makes of equal differences. Of episodes it is finer than one of
    them and not known."""
    metrics = [metric for row in table.rows if (score := row.scores[index]) for metric in score.metrics]
    counts = [metric.get("n") for metric in metrics if metric.get("unit") == "image"]
    known = [float(each) for each in counts if each]
    return 1 / min(known) if column.percent and known else 0.0


def grid(found: Pairwise) -> Grid:
    """'2 / 1 / 1': wins, ties and losses of the row against the column."""
    size = range(len(found.labels))
    rows = [
        (Cell(found.labels[a]), *(Cell(" / ".join(map(str, found.counts.get((a, b), ()))) or MISSING) for b in size))
        for a in size
    ]
    return Grid(("row against column", *found.labels), tuple(rows))


def reading(table: Table) -> str:
    number = len(table.columns)
    over = "metric above" if number == 1 else f"{number} metrics above"
    return (
        f"Of the row against the column, over the {over}. A win is a paired t-test over "
        f"shared seeds with p below {ALPHA} after Holm's adjustment for the pairs of its metric; with few seeds only "
        "large and steady differences pass, and a tie is no evidence that two are equal."
    )
