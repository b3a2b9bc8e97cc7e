"""Means with intervals, and ranks that admit ties."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Interval:
    """A mean of `n` values and half the width of its confidence interval; None where there is none."""

    mean: float
    half_width: float | None
    n: int

    def is_above(self, other: Interval) -> bool:
        """Whether the whole of this interval lies above the whole of the other; never, if either has none."""
        if self.half_width is None or other.half_width is None:
            return False
        return self.mean - self.half_width > other.mean + other.half_width


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean of a normal sample with Student's interval: mean ± t(n - 1) s / sqrt(n) (Student, 1908).

    One value has no interval, nor has a sample that is not finite. Raises ValueError for no values.
    """
    sample = [float(value) for value in values]
    if not sample:
        raise ValueError("no values")
    if not all(map(math.isfinite, sample)):
        return Interval(math.nan, None, len(sample))
    if len(sample) == 1:
        return Interval(sample[0], None, 1)
    from scipy.special import stdtrit  # the quantile of Student's t; imports much faster than scipy.stats

    n = len(sample)
    return Interval(fmean(sample), float(stdtrit(n - 1, (1 + confidence) / 2)) * stdev(sample) / math.sqrt(n), n)


def ranks(intervals: Sequence[Interval | None], *, higher_is_better: bool = True) -> list[int | None]:
    """1 + the number of intervals that lie entirely on the better side; None for what has no interval.

    What overlaps nothing better is first, so several can be. A mean without an interval has no rank and pushes
    nobody down: one seed says nothing about how the next would do.
    """

    known = [each for each in intervals if each is not None and each.half_width is not None]
    sign = 1 if higher_is_better else -1
    worst = sorted(sign * each.mean - (each.half_width or 0.0) for each in known)  # so that n methods take n log n
    return [
        None
        if one is None or one.half_width is None
        else 1 + len(worst) - bisect_right(worst, sign * one.mean + one.half_width)
        for one in intervals
    ]


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
    for _, closes, i in ends:  # from the best down; those that only touch overlap, as in `is_above`
        if not closes:
            alive.add(i)
            grown = True
            continue
        if grown and len(alive) > 1:
            groups.append(tuple(sorted(alive)))
        grown = False
        alive.remove(i)
    return groups
