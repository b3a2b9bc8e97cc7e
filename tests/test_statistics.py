import math
from dataclasses import astuple

import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.statistics import Interval, ranks, t_interval

finite = st.floats(-1e3, 1e3, allow_nan=False)
intervals = st.builds(
    Interval, st.integers(-5, 5).map(float), st.none() | st.integers(0, 3).map(float), st.integers(1, 5)
)


@given(st.lists(finite, min_size=2, max_size=10), st.floats(0.5, 0.99))
def test_interval_is_scipys(values: list[float], confidence: float) -> None:
    assume(max(values) - min(values) > 1e-3)
    low, high = scipy.stats.t.interval(
        confidence, len(values) - 1, loc=scipy.stats.tmean(values), scale=scipy.stats.sem(values)
    )
    found = t_interval(values, confidence)
    assert found.half_width is not None
    assert found.mean - found.half_width == pytest.approx(low, abs=1e-6)
    assert found.mean + found.half_width == pytest.approx(high, abs=1e-6)


def test_interval_of_two_and_three_by_hand() -> None:
    # t with one degree of freedom is Cauchy's: its quantile is tan(pi (p - 1/2)); s / sqrt(2) of (a, b) is |a - b| / 2
    assert astuple(t_interval([0.8, 0.9])) == pytest.approx((0.85, math.tan(math.pi * 0.475) * 0.05, 2))
    # with two: t = (2p - 1) sqrt(2 / (1 - (2p - 1)^2)); s of (1, 2, 3) is 1
    quantile = 0.95 * math.sqrt(2 / (1 - 0.95**2))
    assert astuple(t_interval([1, 2, 3])) == pytest.approx((2, quantile / math.sqrt(3), 3))


def test_what_has_no_interval() -> None:
    assert t_interval([0.7]) == Interval(0.7, None, 1)
    diverged = t_interval([0.7, math.nan, 0.8])
    assert math.isnan(diverged.mean)
    assert diverged.half_width is None
    with pytest.raises(ValueError, match="no values"):
        t_interval([])


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert t_interval([0.1, 0.1, 0.1]).half_width == 0


@given(st.lists(st.none() | intervals, max_size=8), st.booleans())
def test_ranks_count_who_is_entirely_better(given: list[Interval | None], higher: bool) -> None:
    def ends(one: Interval) -> tuple[float, float]:
        assert one.half_width is not None
        return one.mean - one.half_width, one.mean + one.half_width

    def expected(one: Interval | None) -> int | None:
        if one is None or one.half_width is None:
            return None
        better = 0
        for other in given:
            if other is not None and other.half_width is not None:
                better += ends(other)[0] > ends(one)[1] if higher else ends(other)[1] < ends(one)[0]
        return 1 + better

    found = ranks(given, higher_is_better=higher)
    assert found == [expected(one) for one in given]
    if any(found):
        assert 1 in found


def test_ties_and_touching_intervals() -> None:
    a, b, c = Interval(0.9, 0.02, 3), Interval(0.87, 0.02, 3), Interval(0.84, 0.02, 3)
    assert ranks([a, b, c]) == [1, 1, 2]  # a and c separate, b overlaps both
    assert ranks([a, b, c], higher_is_better=False) == [2, 1, 1]
    assert ranks([Interval(1.0, 0.0, 3), Interval(1.0, 0.0, 3)]) == [1, 1]
    assert ranks([Interval(1.0, 0.5, 3), Interval(0.0, 0.5, 3)]) == [1, 1]  # they touch: not separated


def test_one_seed_is_not_ranked_and_pushes_nobody_down() -> None:
    assert ranks([Interval(0.99, None, 1), Interval(0.5, 0.01, 3), None, Interval(0.4, 0.01, 3)]) == [None, 1, None, 2]
