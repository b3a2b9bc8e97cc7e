"""One-sided tests of differences over seeds, for scores on a grid, and Holm's adjustment for several tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean


@dataclass(frozen=True)
class Test:
    """One-sided p-values: that what came after is worse, and that it is better, than what was before."""

    worse: float
    better: float


def paired_t(differences: Sequence[float], grid: float = 0.0) -> Test | None:
    """Student's paired test of differences, one per seed, where more is better. None for fewer than two.

    `grid`: the step between values that a score can take, such as 1 / images of an accuracy. Two or three differences
    on a coarse grid are often equal, and a variance of 0 would make any of them certain. So the variance that rounding
    to the grid makes (step² / 12 for each of the two scores; Sheppard, 1898) is added.
    """
    n = len(differences)
    if n < 2:
        return None
    return _student(fmean(differences), (variance(differences) + grid**2 / 6) / n, n - 1)


def welch_t(before: Sequence[float], after: Sequence[float], grid: float = 0.0) -> Test | None:
    """Welch's test of two samples that share no seed (Welch, 1947); `grid` as above. None if one has fewer than two."""
    if min(len(before), len(after)) < 2:
        return None
    parts = [((variance(each) + grid**2 / 12) / len(each), len(each) - 1) for each in (before, after)]
    square = sum(part for part, _ in parts)
    freedom = square**2 / sum(part**2 / df for part, df in parts) if square else 1.0
    return _student(fmean(after) - fmean(before), square, freedom)


def variance(values: Sequence[float]) -> float:
    """With n - 1; that of the standard library is exact, and many times slower."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _student(mean: float, square: float, freedom: float) -> Test:
    """`square`: that of the standard error; without any, a change is certain, and none is as good as a coin."""
    from scipy.special import stdtr  # the distribution of Student's t; imports much faster than scipy.stats

    if square == 0:
        worse = 0.5 if mean == 0 else float(mean > 0)
        return Test(worse, 1 - worse)
    t = mean / math.sqrt(square)
    return Test(float(stdtr(freedom, t)), float(stdtr(freedom, -t)))


def least_spreads(seeds: int, tests: int, alpha: float) -> float:
    """How many standard deviations of its paired differences a change must have to be the first of so many tests that
    is significant: what a gate can see at all."""
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, 1 - alpha / tests)) / math.sqrt(seeds)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted so that in at most a share alpha of families any is below alpha by chance, however they depend on each
    other (Holm, 1979). In the order given."""
    adjusted = [0.0] * len(p_values)
    greatest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        greatest = max(greatest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = greatest
    return adjusted
