"""A row of a comparison: one metric of one group of cells, with its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.reporting.gate.snapshot import Key, name

Verdict = Literal["regressed", "suspicious", "improved", "within noise", "missing", "failed", "new", "not comparable"]
COMPARED: tuple[Verdict, ...] = ("regressed", "suspicious", "improved", "within noise")
FAILURES: tuple[Verdict, ...] = ("regressed", "suspicious", "missing", "failed")  # a matter of the change
ALARMS: tuple[Verdict, ...] = (*FAILURES, "not comparable")
ORDER: tuple[Verdict, ...] = (*ALARMS, "improved", "new", "within noise")


@dataclass(frozen=True)
class Row:
    """One metric of one group of cells. `evaluator`: its label; "" for a cost, whose `metric` is "speed" or "memory".
    `paired`: whether seeds before and after are the same.

    before, after: means over seeds. change: after - before, and of a cost after / before. seeds: how many there are.
    p: that it is worse, or better, whichever it looks like, adjusted for all rows of the report; None without a test.
    percent: whether the metric is shown in percent. higher_is_better: of the metric.
    """

    key: Key
    evaluator: str
    metric: str
    verdict: Verdict
    why: str = ""
    before: float | None = None
    after: float | None = None
    change: float | None = None
    tolerance: float | None = None
    seeds: int = 0
    p: float | None = None
    paired: bool = True
    percent: bool = False
    higher_is_better: bool = True

    @property
    def title(self) -> str:
        """As the leaderboard's column: the evaluator, and the metric where it is not the accuracy."""
        return (
            self.evaluator
            if self.metric == "accuracy" and self.evaluator
            else f"{self.evaluator} {self.metric}".strip()
        )

    @property
    def name(self) -> str:
        return ": ".join(filter(None, [name(self.key), self.title]))

    @property
    def is_ratio(self) -> bool:
        return not self.evaluator
