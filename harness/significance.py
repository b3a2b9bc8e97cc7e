"""Tests of whether scores differ. scipy.stats loads slowly, so it is imported where it is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

ALPHA = 0.05


def paired_t(differences: Sequence[float]) -> float:
    """Two-sided p of Student's paired test that the mean difference is 0 (Student, 1908).

    Differences that are all the same, and not 0, have p = 0. Raises ValueError for fewer than two.
    """
    n = len(differences)
    if n < 2:
        raise ValueError("a paired test needs two pairs")
    mean, spread = fmean(differences), stdev(differences)
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) / (spread / math.sqrt(n))))


def holm(ps: Sequence[float]) -> list[float]:
    """The ps adjusted so that the chance of any false finding stays below alpha (Holm, 1979)."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for place, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - place) * ps[i]))
        adjusted[i] = largest
    return adjusted


def average_ranks(scores: Sequence[Sequence[float]]) -> list[float]:
    """The mean rank of each of k methods over N data sets; 1 is the highest score, equal scores share a rank.

    scores: (N, k).
    """
    from scipy.stats import rankdata

    ranks = [[float(rank) for rank in rankdata([-score for score in row])] for row in scores]
    return [fmean(column) for column in zip(*ranks, strict=True)]


def friedman(scores: Sequence[Sequence[float]]) -> float:
    """p that all methods are equal, by their ranks on each data set (Friedman, 1937). scores: (N, k), k at least 3."""
    from scipy.stats import friedmanchisquare

    if all(len(set(row)) == 1 for row in scores):
        return 1.0
    return float(friedmanchisquare(*zip(*scores, strict=True)).pvalue)


def critical_difference(methods: int, datasets: int, alpha: float = ALPHA) -> float:
    """By how much mean ranks must differ to be told apart: q sqrt(k (k + 1) / 6 N) (Nemenyi, 1963; Demšar, 2006)."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * datasets))
