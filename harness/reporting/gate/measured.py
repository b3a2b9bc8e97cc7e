"""Compares the scores of one group of cells before and after: which are missing, and how far the others differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.reporting.gate.rows import Row
from harness.reporting.gate.snapshot import BySeed, Group
from harness.reporting.significance import Test, paired_t, welch_t


@dataclass(frozen=True)
class Measured:
    """A row that waits for its verdict: `gain` is how much better it became, `limit` how much it may move."""

    row: Row
    gain: float
    limit: float
    test: Test | None


def missing_seeds(was: Group, now: Group, before: BySeed, after: BySeed) -> list[int]:
    """The seeds without a score that must have one: those of the baseline, or if none of its cells is there, so that
    these are other seeds, all of the run's."""
    other = set(was.cells).isdisjoint(now.cells)
    return [seed for seed in sorted(now.cells if other else before) if after.get(seed) is None]


def absent(row: Row, was: Group, now: Group, before: BySeed, after: BySeed) -> Row | None:
    """The row, if a score that the baseline has is not there now; None if there is all of it. Other seeds must be as
    many as the baseline has, or one that vanished would be excused by another name."""
    lost = missing_seeds(was, now, before, after)
    for seed in lost:
        if seed in now.failures:
            return replace(row, verdict="failed", why=f"seed {seed} {now.failures[seed]}")
    if not_numbers := [seed for seed in lost if seed in after]:
        return replace(row, verdict="failed", why=f"{_seeds(not_numbers)}: not a number")
    if lost:
        scored = [seed for seed in lost if seed in now.cells]
        why = f"{_seeds(scored)} not scored" if scored else f"no cell of {_seeds(lost)}"
        return replace(row, verdict="missing", why=why)
    if not after:
        return replace(row, verdict="missing", why="not scored")
    if len(after) < len(before):
        return replace(row, verdict="missing", why=f"other seeds, and fewer: {len(before)} → {len(after)}")
    return None


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def by_seed(row: Row, before: BySeed, after: BySeed, *, higher_is_better: bool, grid: float) -> Row | Measured:
    """Paired where seeds are shared, else as two samples. `grid`: see `paired_t`.

    Within a seed, samples and episodes are paired as well: the same evaluator on the same data meets the same ones, and
    the difference of two means over them is the mean of their differences.
    """
    x, y = ({seed: value for seed, value in each.items() if value is not None} for each in (before, after))
    if not x or not y:
        return replace(row, verdict="not comparable", why=f"{'this run' if x else 'the baseline'} has no number")
    sign = 1 if higher_is_better else -1
    shared = sorted(x.keys() & y.keys())
    if shared:
        x, y = ({seed: each[seed] for seed in shared} for each in (x, y))
        test = paired_t([sign * (y[seed] - x[seed]) for seed in shared], grid)
    else:
        test = welch_t([sign * each for each in x.values()], [sign * each for each in y.values()], grid)
        row = replace(row, why="other seeds, not paired", paired=False)
    a, b = fmean(x.values()), fmean(y.values())
    row = replace(row, before=a, after=b, change=b - a, seeds=len(y))
    return Measured(row, sign * (b - a), row.tolerance or 0.0, test)


def by_ratio(row: Row, before: BySeed, after: BySeed, *, higher_is_better: bool) -> Row | Measured:
    """Of costs, by their logarithms: twice and half are as far from one. The tolerance is a ratio."""
    for side, values in (("the baseline", before), ("this run", after)):
        if none := [seed for seed, value in values.items() if value is not None and value <= 0]:
            return replace(row, verdict="not comparable", why=f"{side} has 0 for {_seeds(none)}")
    x, y = ({seed: math.log(value) for seed, value in each.items() if value} for each in (before, after))
    found = by_seed(row, dict(x), dict(y), higher_is_better=higher_is_better, grid=0.0)
    if not isinstance(found, Measured) or found.row.before is None or found.row.after is None:
        return found
    a, b = math.exp(found.row.before), math.exp(found.row.after)
    return replace(found, row=replace(found.row, before=a, after=b, change=b / a), limit=math.log(row.tolerance or 1.0))
