"""Simultaneous paired comparisons: against plain formulas; ranks and groups by definition; the error rate."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.reporting.comparisons import ALPHA, CAREFUL, Comparisons, Rank, compare, prior_freedom


def test_two_rows_are_a_paired_t_test() -> None:
    a, b = [0.5, 0.62, 0.71, 0.66], [0.48, 0.55, 0.7, 0.6]
    found = compare([a, b])
    interval = scipy.stats.ttest_rel(a, b).confidence_interval(1 - ALPHA)
    assert found.differences[0, 1] - found.half_widths[0, 1] == pytest.approx(interval.low)
    assert found.differences[0, 1] + found.half_widths[0, 1] == pytest.approx(interval.high)
    assert found.differences[1, 0] == -found.differences[0, 1]


def slow(scores: list[list[float]], grid: float) -> dict[tuple[int, int], tuple[float, float]]:
    """Difference and half width of each pair, number by number, with scipy's distributions."""
    rows, seeds = len(scores), len(scores[0])
    freedom = seeds - 1
    mean = [sum(row) / seeds for row in scores]
    of_seed = [sum(row[s] for row in scores) / rows for s in range(seeds)]
    grand = sum(mean) / rows
    squares = [sum((row[s] - mean[k] - of_seed[s] + grand) ** 2 for s in range(seeds)) for k, row in enumerate(scores)]
    logs = [math.log(square / freedom + grid**2 / 12) for square in squares]
    spread = sum((each - sum(logs) / rows) ** 2 for each in logs) / (rows - 1)
    # the logarithm of a gamma variable of shape freedom / 2: its variance and fourth cumulant
    second, fourth = (float(scipy.special.polygamma(order, freedom / 2)) for order in (1, 3))
    excess = spread - second + CAREFUL * math.sqrt((2 * second**2 * rows / (rows - 1) + fourth) / rows)
    # of equal spreads of 1, the logarithm of a residual's variance has this mean
    usual = float(scipy.special.digamma(freedom / 2)) - math.log(freedom / 2) + math.log((rows - 1) / rows)
    common = 2 * math.exp(sum(logs) / rows - usual)
    prior = freedom * (rows - 2) / 2
    if excess > 0:
        root = scipy.optimize.brentq(lambda x: scipy.special.polygamma(1, x) - excess, 1e-6, 1e9)
        prior = min(prior, 2 * root)
    found = {}
    for i, j in combinations(range(rows), 2):
        apart = [x - y for x, y in zip(scores[i], scores[j], strict=True)]
        own = float(np.var(apart, ddof=1)) + grid**2 / 6
        variance = (prior * common + freedom * own) / (prior + freedom)
        quantile = scipy.stats.t.ppf(1 - ALPHA / (rows * (rows - 1)), prior + freedom)
        found[i, j] = (sum(apart) / seeds, quantile * math.sqrt(variance / seeds))
    return found


@pytest.mark.parametrize("grid", [0.0, 0.01])
@pytest.mark.parametrize(("rows", "seeds"), [(3, 3), (6, 3), (5, 2), (12, 5)])
def test_all_pairs_are_as_in_a_plain_computation(rows: int, seeds: int, grid: float) -> None:
    draw = np.random.default_rng(rows)
    for spread in (np.ones(rows), np.geomspace(0.1, 10, rows)):
        scores = (draw.normal(size=(rows, seeds)) * spread[:, None] / 10).tolist()
        found, expected = compare(scores, grid), slow(scores, grid)
        for (i, j), (difference, half_width) in expected.items():
            assert found.differences[i, j] == pytest.approx(difference)
            assert found.half_widths[i, j] == found.half_widths[j, i] == pytest.approx(half_width, rel=1e-6)


def test_equal_spreads_are_trusted_more_than_unlike_ones() -> None:
    variances = np.random.default_rng(0).chisquare(2, size=200) / 2
    alike, unlike = prior_freedom(variances, 2.0), prior_freedom(variances * np.geomspace(0.01, 100, 200), 2.0)
    assert unlike < 1
    assert alike > 4
    assert prior_freedom(np.ones(2), 2.0) == 0  # of two rows, neither tells anything of the other
    assert prior_freedom(np.zeros(5), 2.0) == 0


better = st.integers(2, 7).flatmap(
    lambda rows: st.tuples(
        st.lists(st.integers(-8, 8).map(float), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 6).map(float), min_size=rows * rows, max_size=rows * rows),
    )
)


@given(better)
def test_ranks_and_groups_by_definition(drawn: tuple[list[float], list[float]]) -> None:
    means, widths = np.array(drawn[0]), np.array(drawn[1]).reshape(len(drawn[0]), -1)
    widths = np.maximum(widths, widths.T)
    differences = means[:, None] - means
    found = Comparisons(differences, widths)
    rows = range(len(means))

    def apart(i: int, j: int) -> bool:
        return abs(differences[i, j]) > widths[i, j]

    assert found.ranks() == [
        Rank(
            1 + sum(apart(i, j) and means[j] > means[i] for j in rows),
            len(means) - sum(apart(i, j) and means[j] < means[i] for j in rows),
        )
        for i in rows
    ]
    tied = [
        set(group)
        for size in range(2, len(means) + 1)
        for group in combinations(rows, size)
        if not any(apart(i, j) for i, j in combinations(group, 2))
    ]
    largest = {frozenset(group) for group in tied if not any(group < other for other in tied)}
    assert {frozenset(group) for group in found.groups()} == largest
    assert len(found.groups()) == len(largest)


@pytest.mark.parametrize("rows", [2, 6, 20])
@pytest.mark.parametrize("noisy", [1.0, 10.0])
def test_equal_rows_are_separated_in_at_most_a_twentieth_of_columns(rows: int, noisy: float) -> None:
    draw = np.random.default_rng(7)
    spreads, trials = np.ones(rows), 1000
    spreads[0] = noisy
    scores = draw.normal(size=(trials, rows, 3)) * spreads[:, None]
    wrong = sum(bool(compare(each.tolist()).better.any()) for each in scores)
    assert wrong <= scipy.stats.binom.ppf(0.9999, trials, ALPHA)
    scores[:, 0] += 40 * noisy
    assert sum(str(compare(each.tolist()).ranks()[0]) == "1" for each in scores) > 0.95 * trials  # and it can find


def test_noise_is_not_rewarded() -> None:
    """A row that varies much is not first for that: it may be anywhere."""
    found = compare([[0.95, 0.20, 0.50], [0.903, 0.9, 0.899], [0.882, 0.881, 0.88]])
    assert found.ranks()[0] == (1, 3)
    steady = compare([[0.903, 0.9, 0.899], [0.882, 0.881, 0.88]])
    assert steady.ranks() == [(1, 1), (2, 2)]


def test_ranks_are_written_as_one_number_or_a_range() -> None:
    assert [str(Rank(1, 1)), str(Rank(2, 4))] == ["1", "2-4"]
    assert Rank(2, 4).middle == 3
