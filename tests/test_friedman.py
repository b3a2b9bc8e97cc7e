import pytest

from harness.reporting.leaderboard.friedman import average_ranks, critical_difference, friedman
from harness.reporting.statistics import Interval, overlapping

# Demšar 2006, table 6: AUC of four variants of C4.5 on 14 data sets
DEMSAR = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975],  # his mean ranks have the third before the fourth here: they are equal as printed
    [0.957, 0.978, 0.946, 0.970],
]


def test_mean_ranks_and_critical_difference_are_demsars() -> None:
    assert average_ranks(DEMSAR) == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    q = {2: 1.960, 3: 2.343, 5: 2.728, 10: 3.164}  # table 5(a), whose 2.343 is cut, not rounded: 2.3437
    assert {k: critical_difference(k, 1) / (k * (k + 1) / 6) ** 0.5 for k in q} == pytest.approx(q, abs=1e-3)


def test_friedman_finds_what_demsar_finds() -> None:
    assert 0.01 < friedman(DEMSAR) < 0.05  # he: 9.28, p = .026 without the correction for ties
    assert friedman([[0.5, 0.5, 0.5]] * 3) == 1.0


def test_overlapping_intervals_are_the_largest_groups_best_first() -> None:
    spans = [(0, 2), (1, 4), (3, 5), (6, 7), (9, 9), (9, 9)]
    intervals = [Interval((low + high) / 2, (high - low) / 2, 3) for low, high in spans]
    assert overlapping([*intervals, None, Interval(1.0, None, 1)]) == [(4, 5), (1, 2), (0, 1)]
    assert overlapping(intervals, higher_is_better=False) == [(0, 1), (1, 2), (4, 5)]
    touching = [Interval(0.0, 1.0, 3), Interval(2.0, 1.0, 3)]
    assert overlapping(touching) == [(0, 1)]
