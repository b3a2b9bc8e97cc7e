"""The key `curve` of an evaluator: at how many points of a training it scores, and on which share of the samples."""

from __future__ import annotations

from dataclasses import dataclass

from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.plugins.options import option, parse
from harness.suite.document import Node

CURVE = "curve"


@dataclass(frozen=True)
class Curve:
    """Points of a training, evenly spaced and the last at its end, each measured on a share of what the evaluator
    scores."""

    points: int = option(5, "points of the training at which the encoder is scored")
    share: float = option(0.2, "share of the episodes or samples that a point is measured on")

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ValueError(f"points must be at least 1, not {self.points}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share:g}")

    def check(self, steps: int) -> None:
        """Raises UsageError if so many steps have no room for the points."""
        if self.points > steps:
            raise UsageError(
                f"curve has {quantity(self.points, 'point')}, but the training has only {quantity(steps, 'step')}."
            )

    def steps(self, steps: int) -> list[int]:
        """After which of so many steps the points are."""
        return [steps * number // self.points for number in range(1, self.points + 1)]


def read_curve(node: Node) -> Curve:
    """`curve: 5`, or `curve: {points: 5, share: 0.5}`. Raises UsageError."""
    given = node.value
    if type(given) is not int and not isinstance(given, dict):
        raise node.error(f"curve is a number of points, or '{{points: 5, share: 0.2}}', not {given!r}.")
    return parse(Curve, {"points": given} if type(given) is int else given, node.where, owner=CURVE)
