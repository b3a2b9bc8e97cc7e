import math
from dataclasses import astuple

import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.reporting.statistics import Interval, t_interval

finite = st.floats(-1e3, 1e3, allow_nan=False)


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


def test_rounding_to_a_grid_widens_the_interval() -> None:
    # three times 38 of 40: the variance of rounding is (1/40)² / 12, t(2) = 4.303
    found = t_interval([0.95, 0.95, 0.95], grid=1 / 40)
    assert found.half_width == pytest.approx(4.302653 / 40 / math.sqrt(12 * 3), rel=1e-6)
    wide, plain = t_interval([0.9, 0.95], grid=1 / 2000).half_width, t_interval([0.9, 0.95]).half_width
    assert wide == pytest.approx(plain, rel=1e-4)
    assert wide > plain  # type: ignore[operator]


def test_an_infinite_value_makes_the_mean_infinite() -> None:
    assert t_interval([math.inf, 1.0]) == Interval(math.inf, None, 2)
    assert t_interval([-math.inf, 1.0]).mean == -math.inf
    assert math.isnan(t_interval([math.inf, -math.inf]).mean)
