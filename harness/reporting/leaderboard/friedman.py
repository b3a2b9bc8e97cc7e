"""Tests of mean ranks over data sets. scipy.stats loads slowly, so it is imported where it is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

ALPHA = 0.05


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
