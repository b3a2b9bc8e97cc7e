"""A score with its uncertainty, as an evaluator returns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from harness.learning.displays import Pictures, Series

Z = 1.96  # the quantile of the normal distribution for an interval of 95 %
Shown = Literal["percent", "plain"]
Estimate = Literal["mean", "jackknife", "interval"]


@dataclass(frozen=True)
class Metric:
    """A score with its uncertainty, as an evaluator returns it.

    Use `Metric.mean` for a mean, `Metric.jackknife` for another statistic, and `Metric.within` for a value whose
    interval is known.

    Attributes:
        value: The score; an accuracy is a fraction in [0, 1].
        units: Values per sample or per episode (n,), or pseudo-values of the jackknife; empty if `interval` is given.
        unit: What one unit is, such as "sample" or "episode".
        higher_is_better: Whether larger values are better.
        protocol: How the score was measured, in words; it is shown beside the score.
        bound: A score that an honest one exceeds only by chance, such as the accuracy on the training split. The gate
            reports a score above it as suspicious.
        details: Further facts for the record, such as an option that the evaluator chose.
        shown: "percent" for values that are read times 100, such as accuracies; else "plain".
        estimate: Where the uncertainty comes from: "mean", "jackknife" or "interval".
        interval: Ends of the 95 % interval, if `estimate` is "interval".
        series: The values along an axis, which the report draws; add it with `dataclasses.replace`.
        pictures: Pictures that the report shows; likewise.
        stops: Numbers of units, ascending, if the units themselves decide how many there are: those at which there
            could have been enough, up to the one at which there were. Rows are compared over the first units, as many
            as all of them have; the record has the mean at each stop. Add it with `dataclasses.replace`.
    """

    value: float
    units: NDArray[np.float32]
    unit: str
    higher_is_better: bool = True
    protocol: str = ""
    bound: Metric | None = None
    details: Mapping[str, str | float | bool] = field(default_factory=dict)
    shown: Shown = "plain"
    estimate: Estimate = "mean"
    interval: tuple[float, float] | None = None
    series: Series | None = None
    pictures: Pictures | None = None
    stops: tuple[int, ...] = ()

    @classmethod
    def mean(
        cls,
        units: Tensor,
        unit: str,
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """Make a metric whose value is the mean of its units.

        Args:
            units: Values per sample or per episode (n,).
            unit: What one unit is, such as "sample" or "episode".
            higher_is_better: Whether larger values are better.
            protocol: How the score was measured, in words.
            bound: A score that an honest one exceeds only by chance.
            details: Further facts for the record.
            shown: "percent" or "plain".

        Returns:
            The metric.
        """
        values = units.detach().cpu().numpy().astype(np.float32)
        value = float(values.mean(dtype=np.float64))
        return cls(value, values, unit, higher_is_better, protocol, bound, details or {}, shown)

    @classmethod
    def jackknife(
        cls,
        value: float,
        left_out: Tensor,
        unit: str,
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """Make a metric that is not a mean, such as a correlation, with the jackknife's standard error.

        The units are the pseudo-values n * value - (n - 1) * left_out (Quenouille, 1956); their standard error is that
        of the value (Tukey, 1958). This suits statistics that change smoothly with the data, and so not a median.

        Args:
            value: The statistic of all n units.
            left_out: The statistic without each unit, or without each of n groups of about equal size, (n,).
            unit: What is left out, such as "sample".
            higher_is_better: Whether larger values are better.
            protocol: How the score was measured, in words.
            bound: A score that an honest one exceeds only by chance.
            details: Further facts for the record.
            shown: "percent" or "plain".

        Returns:
            The metric.
        """
        n, without = len(left_out), left_out.detach().cpu().double().numpy()
        pseudo = (n * float(value) - (n - 1) * without).astype(np.float32)
        return cls(
            float(value), pseudo, unit, higher_is_better, protocol, bound, details or {}, shown, estimate="jackknife"
        )

    @classmethod
    def within(
        cls,
        value: float,
        interval: tuple[float, float],
        *,
        higher_is_better: bool = True,
        protocol: str = "",
        bound: Metric | None = None,
        details: Mapping[str, str | float | bool] | None = None,
        shown: Shown = "plain",
    ) -> Metric:
        """Make a metric with a 95 % interval of its own, such as a bootstrap interval, and without units.

        Args:
            value: The score.
            interval: The two ends of the interval.
            higher_is_better: Whether larger values are better.
            protocol: How the score was measured, in words.
            bound: A score that an honest one exceeds only by chance.
            details: Further facts for the record.
            shown: "percent" or "plain".

        Returns:
            The metric.
        """
        ends, units = (float(interval[0]), float(interval[1])), np.empty(0, np.float32)
        rest = (higher_is_better, protocol, bound, details or {}, shown)
        return cls(float(value), units, "", *rest, estimate="interval", interval=ends)

    @property
    def n(self) -> int:
        """Number of units; 0 for a metric that has none."""
        return len(self.units)

    def mean_of_first(self, number: int) -> float:
        """The mean of the first units."""
        return float(self.units[:number].mean(dtype=np.float64))

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval over units (normal approximation); it does not include the variance over
        seeds.

        If the metric has an interval of its own, it is the distance to the farther end. If all units are 0 or all are
        1, their standard deviation is 0; then it is the width of Wilson's one-sided interval (1927), z² / (n + z²).
        """
        if self.interval:
            return max(self.value - self.interval[0], self.interval[1] - self.value)
        hits = self.estimate == "mean" and self.higher_is_better and self.n and self.units[0] in (0, 1)
        if hits and (self.units == self.units[0]).all():
            return Z**2 / (self.n + Z**2)
        return float(Z * self.units.std(ddof=1, dtype=np.float64) / np.sqrt(self.n)) if self.n > 1 else float("nan")
