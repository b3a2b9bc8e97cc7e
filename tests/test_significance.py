"""The gate's statistics, against scipy, published numbers and their own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.reporting.significance import holm, paired_t, welch_t

SCORES = st.lists(st.integers(0, 10_000).map(lambda each: each / 10_000), min_size=2, max_size=8)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=2, max_size=8))
def test_the_paired_test_is_scipys(pairs: list[tuple[int, int]]) -> None:
    before, after = np.array(pairs, dtype=float).T / 10_000
    assume(np.std(after - before) > 1e-3)
    found = paired_t(list(after - before))
    assert found
    assert found.worse == pytest.approx(stats.ttest_rel(after, before, alternative="less").pvalue, rel=1e-6)
    assert found.better == pytest.approx(stats.ttest_rel(after, before, alternative="greater").pvalue, rel=1e-6)


@given(SCORES, SCORES)
def test_the_unpaired_test_is_scipys(before: list[float], after: list[float]) -> None:
    assume(min(np.std(before), np.std(after)) > 1e-3)
    found = welch_t(before, after)
    assert found
    expected = stats.ttest_ind(after, before, equal_var=False, alternative="less").pvalue
    assert found.worse == pytest.approx(expected, rel=1e-6)
    assert found.worse + found.better == pytest.approx(1)


def test_one_seed_has_no_test() -> None:
    assert paired_t([-0.3]) is None
    assert welch_t([0.9], [0.1, 0.2, 0.3]) is None


def test_no_change_at_all_is_no_evidence() -> None:
    for found in (paired_t([0.0, 0.0, 0.0]), welch_t([0.5, 0.5], [0.5, 0.5])):
        assert found
        assert (found.worse, found.better) == (0.5, 0.5)


def test_the_same_drop_for_every_seed_is_certain_only_if_scores_are_fine_grained() -> None:
    fine, coarse = paired_t([-0.02, -0.02]), paired_t([-0.02, -0.02], grid=0.02)
    assert fine
    assert coarse
    assert fine.worse == 0
    # worked by hand: s² = .02² / 6, t(1) = -.02 / sqrt(s² / 2) = -sqrt(12), and p = 1/2 - atan(sqrt(12)) / pi
    assert coarse.worse == pytest.approx(0.5 - math.atan(math.sqrt(12)) / math.pi)


@given(SCORES, st.floats(0, 0.1))
def test_a_grid_only_makes_a_test_more_careful(differences: list[float], grid: float) -> None:
    plain, careful = paired_t(differences), paired_t(differences, grid)
    assert plain
    assert careful
    assert min(careful.worse, careful.better) >= min(plain.worse, plain.better) - 1e-12


def test_holm_on_the_example_of_his_procedure() -> None:
    # (.01, .04, .03, .005) of four: 4 × .005, 3 × .01, 2 × .03, and .04 takes the greatest so far
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(P_VALUES, st.floats(0.001, 0.5))
def test_holm_rejects_as_his_step_down_procedure_does(p_values: list[float], alpha: float) -> None:
    adjusted = holm(p_values)
    m, rejected = len(p_values), set()
    for rank, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):  # the definition, without adjusted values
        if p_values[i] > alpha / (m - rank):
            break
        rejected.add(i)
    near = [i for i in range(m) if math.isclose(adjusted[i], alpha, rel_tol=1e-9)]
    assert {i for i in range(m) if adjusted[i] <= alpha} ^ rejected <= set(near)


@given(P_VALUES, st.randoms())
def test_holm_is_monotone_never_kinder_than_no_adjustment_and_blind_to_order(p_values: list[float], draw) -> None:  # type: ignore[no-untyped-def]  # hypothesis' own Random
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert all(0 <= a <= 1 for a in adjusted)
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(a for _, a in pairs)
    order = list(range(len(p_values)))
    draw.shuffle(order)
    assert holm([p_values[i] for i in order]) == [adjusted[i] for i in order]


@given(P_VALUES)
def test_holm_is_never_less_powerful_than_bonferroni(p_values: list[float]) -> None:
    assert all(a <= min(1.0, len(p_values) * p) + 1e-12 for a, p in zip(holm(p_values), p_values, strict=True))
