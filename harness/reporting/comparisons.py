"""Compares all pairs of rows of a column: paired differences over shared seeds, with one error rate for the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

CAREFUL = 1.25  # standard errors by which spreads are taken to be more unlike than they look
ALPHA = 0.05  # the share of columns in which any two equal rows are separated, at most


class Rank(NamedTuple):
    """The range of places that a row can have: from 1 + the rows that are better to all less the rows that are worse
    (Mohamad, van Zwet, Solari and Goeman, 2019)."""

    best: int
    worst: int

    @property
    def middle(self) -> float:
        return (self.best + self.worst) / 2

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True)
class Comparisons:
    """Of K rows, higher being better. `differences` (K, K): of the means, row less column; `half_widths` (K, K): half
    of the simultaneous 95 % intervals around them."""

    differences: Matrix
    half_widths: Matrix

    @property
    def better(self) -> NDArray[np.bool_]:
        """(K, K): whether the row is separated from the column, and better."""
        separated: NDArray[np.bool_] = self.differences > self.half_widths
        return separated

    def ranks(self) -> list[Rank]:
        """One for each row; all of them hold at once in at least 1 - ALPHA of columns."""
        better = self.better
        above, below = better.sum(0), better.sum(1)
        return [Rank(1 + int(a), len(better) - int(b)) for a, b in zip(above, below, strict=True)]

    def groups(self) -> list[tuple[int, ...]]:
        """The largest groups, best first, of two or more rows of which no two are separated, by index.

        By inserting the separated pairs one after the other and absorbing what is part of another group (Piepho, 2004).
        """
        better = self.better
        order = sorted(range(len(better)), key=lambda i: -self.differences[i].sum())
        found = {frozenset(order)}
        for a, b in combinations(order, 2):
            if better[a, b] or better[b, a]:
                split = {group - {each} for group in found if {a, b} <= group for each in (a, b)}
                found = {group for group in found if not {a, b} <= group}
                found |= {part for part in split if not any(part < other for other in found | split)}
        places = {row: place for place, row in enumerate(order)}
        large = (tuple(sorted(group, key=places.__getitem__)) for group in found if len(group) > 1)
        return sorted(large, key=lambda group: [places[row] for row in group])


def compare(scores: Sequence[Sequence[float]], grid: float = 0.0, alpha: float = ALPHA) -> Comparisons:
    """Every row against every other. scores: (K, n), K rows on the same n seeds, both at least two.

    A difference is tested by Student's t, paired by seed. Its variance is moderated as in Smyth (2004): with few seeds
    it is badly known, so it is drawn to the usual one of the column, the more the more alike the rows' spreads are. The
    half width is the t-quantile at alpha / pairs (Bonferroni): the error rate of the column is at most alpha however
    the pairs depend on each other. `grid`: as in `harness.reporting.significance.paired_t`.
    """
    import numpy as np
    from scipy.special import stdtrit

    values = np.asarray(scores, dtype=np.float64)
    rows, seeds = values.shape
    freedom = seeds - 1.0
    differences = values[:, None] - values[None]  # (K, K, n)
    own = differences.var(2, ddof=1) + grid**2 / 6
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    spreads = (residuals**2).sum(1) / freedom + grid**2 / 12
    common = 2 * rows / (rows - 1) * usual(spreads, freedom)
    prior = min(prior_freedom(spreads, freedom), freedom * (rows - 2) / 2)
    variances = (prior * common + freedom * own) / (prior + freedom)
    quantile = stdtrit(prior + freedom, 1 - alpha / (rows * (rows - 1)))
    return Comparisons(differences.mean(2), quantile * np.sqrt(variances / seeds))


def usual(variances: Matrix, freedom: float) -> float:
    """The geometric mean of `variances` (K,), corrected for bias; a few noisy rows hardly change it.

    The logarithm of a variance that is estimated with `freedom` is too small by log(freedom / 2) - digamma(freedom / 2)
    on average.
    """
    import numpy as np
    from scipy.special import digamma

    if not variances.any():
        return 0.0
    logs = np.log(np.maximum(variances, 1e-12 * np.max(variances)))
    return float(np.exp(logs.mean() + np.log(freedom / 2) - digamma(freedom / 2)))


def prior_freedom(variances: Matrix, freedom: float) -> float:
    """How many degrees of freedom the common variance is worth, beside the `freedom` of each of `variances` (K,).

    The logarithms of equal variances, each estimated with `freedom`, vary by trigamma(freedom / 2); what they vary more
    shows how unlike they are (Smyth, 2004, section 6.2). CAREFUL standard errors are added, as unlike spreads that
    happen to look alike would make noisy rows seem separated. `docs/ranks.md` shows the error rates that this keeps.
    """
    import numpy as np
    from scipy.special import polygamma

    rows = len(variances)
    if rows < 3 or not variances.any():
        return 0.0
    logs = np.log(np.maximum(variances, 1e-12 * np.max(variances)))
    expected, fourth = (float(polygamma(order, freedom / 2)) for order in (1, 3))
    error = CAREFUL * np.sqrt((2 * expected**2 * rows / (rows - 1) + fourth) / rows)
    excess = float(logs.var(ddof=1)) - expected + float(error)
    return 2 * _trigamma_inverse(excess) if excess > 0 else np.inf


def _trigamma_inverse(value: float) -> float:
    """x with trigamma(x) = value, by Newton's method (Smyth, 2004, appendix)."""
    from scipy.special import polygamma

    x, step = 0.5 + 1 / value, -1.0
    while -step / x > 1e-8:
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
    return x
