"""Means with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Interval:
    """A mean of `n` values and half the width of its confidence interval; None where there is none."""

    mean: float
    half_width: float | None
    n: int


def t_interval(values: Iterable[float], confidence: float = 0.95, grid: float = 0.0) -> Interval:
    """The mean of a normal sample with Student's interval: mean ± t(n - 1) s / sqrt(n) (Student, 1908).

    `grid`: the step between values that there can be; the variance of rounding to it, step² / 12 (Sheppard, 1898), is
    added, as two or three values on a coarse grid are often equal. One value has no interval, nor has a sample that is
    not finite; its mean is infinite where one value is, and NaN where one is NaN. Raises ValueError for no values.
    """
    sample = [float(value) for value in values]
    if not sample:
        raise ValueError("no values")
    if not all(map(math.isfinite, sample)):
        return Interval(sum(sample), None, len(sample))
    if len(sample) == 1:
        return Interval(sample[0], None, 1)
    from scipy.special import stdtrit  # the quantile of Student's t; imports much faster than scipy.stats

    n = len(sample)
    quantile = float(stdtrit(n - 1, (1 + confidence) / 2))
    return Interval(fmean(sample), quantile * math.sqrt((stdev(sample) ** 2 + grid**2 / 12) / n), n)


def overlapping(intervals: Sequence[Interval | None], *, higher_is_better: bool = True) -> list[tuple[int, ...]]:
    """The largest groups, best first, of two or more whose intervals all overlap, by index; a thing may be in several.

    Within a group nothing separates one from another, as in a compact letter display (Piepho, 2004). Intervals that
    overlap in pairs have a point in common, so each group is what is alive at the end of some interval.
    """
    sign = 1 if higher_is_better else -1
    known = [(i, sign * each.mean, each.half_width) for i, each in enumerate(intervals) if each is not None]
    spans = [(-(mean + half), half - mean, i) for i, mean, half in known if half is not None]
    ends = sorted([(first, False, i) for first, _, i in spans] + [(last, True, i) for _, last, i in spans])
    groups, alive, grown = [], set[int](), False
    for _, closes, i in ends:  # from the best down; those that only touch overlap, as intervals that share a point
        if not closes:
            alive.add(i)
            grown = True
            continue
        if grown and len(alive) > 1:
            groups.append(tuple(sorted(alive)))
        grown = False
        alive.remove(i)
    return groups
