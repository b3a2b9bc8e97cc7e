"""The section `gate` of a suite: how much worse a score may become, and at which level of significance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.base.errors import UsageError, nearest
from harness.plugins.options import fields_of, option, parse
from harness.suite.document import Node

SECTION = "gate"
POINTS = 0.005  # half a point
CEILING = 0.1  # ten points


@dataclass(frozen=True)
class _Numbers:
    alpha: float = option(0.05, "share of checks that may be red although nothing has changed")
    speed: float | None = option(None, "how many times slower a training may be")
    memory: float | None = option(None, "how many times more memory it may hold")


@dataclass(frozen=True)
class Gate:
    """Tolerances: `metrics` by name, in the metric's own unit (0.01: a point of accuracy); `evaluators` by label, then
    by metric; `costs` ("speed", "memory") as ratios. `ceilings`: by metric, how much better a score may become before
    it is suspicious. `places`: where the suite names each, for messages, by evaluator
    ("": any) and metric."""

    alpha: float = 0.05
    metrics: Mapping[str, float] = field(default_factory=dict)
    evaluators: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def tolerance(self, evaluator: str, metric: str, *, percent: bool) -> float | None:
        """None: not compared, as nobody has said how much of it matters. What is shown in percent always is."""
        default = POINTS if percent else None
        return self.evaluators.get(evaluator, {}).get(metric, self.metrics.get(metric, default))

    def ceiling(self, metric: str, before: float | None, *, percent: bool, higher_is_better: bool) -> float | None:
        """By how much a score may rise before it is suspicious; None for no limit.

        By default, a fraction `before` may rise by ten points or half the way to the best, whichever is less: leaks of
        test data or labels raise an accuracy by more.
        """
        if metric in self.ceilings or not percent or before is None:
            return self.ceilings.get(metric)
        return min(CEILING, abs((1 if higher_is_better else 0) - before) / 2)

    def require(self, scored: Mapping[tuple[str, str], str]) -> None:
        """Raises UsageError for a tolerance of a metric that no record has: it would silently do nothing. And for one
        of 1 or more where the metric is shown in percent: nothing would be outside of it.

        `scored`: how each is shown, by an evaluator's label with a metric. Of an evaluator that has not scored no name
        can be wrong.
        """
        for (evaluator, metric), place in self.places.items():
            known = {name for label, name in scored if evaluator in ("", label)}
            if known and metric not in known:
                of = f" of '{evaluator}'" if evaluator else ""
                raise UsageError(f"{place}: no record{of} has a metric '{metric}'.{nearest(metric, known)}")
            given = self.evaluators[evaluator] if evaluator else {**self.ceilings, **self.metrics}
            percent = any(shown == "percent" and key == (evaluator or key[0], metric) for key, shown in scored.items())
            if percent and given[metric] >= 1:
                raise UsageError(f"{place}: {metric} is a fraction: one point is 0.01, not {given[metric]:g}.")


def read_gate(section: Node, evaluators: Iterable[str]) -> Gate:
    """Of a suite with these evaluators' labels. Raises UsageError with "file:line"."""
    own = ("metrics", "evaluators", "ceilings")
    section.refuse_others((*own, *fields_of(_Numbers)), f"{SECTION} has no")
    numbers = {key: value for key, value in section.mapping().items() if key not in own}
    parsed = parse(_Numbers, numbers, section.where, owner=SECTION)
    if not 0 < parsed.alpha < 1:
        raise section.child("alpha").error(f"alpha must be between 0 and 1, not {parsed.alpha}.")
    costs = {name: ratio for name in ("speed", "memory") if (ratio := getattr(parsed, name)) is not None}
    for name, ratio in costs.items():
        if ratio < 1:
            raise section.child(name).error(f"{name} is a ratio of 1 or more (1.2: a fifth worse), not {ratio}.")
    metrics, ceilings = section.child("metrics"), section.child("ceilings")
    places = {("", metric): node.place for metric, node in {**_nodes(ceilings), **_nodes(metrics)}.items()}
    known, by_label = list(evaluators), {}
    for label, node in _nodes(section.child("evaluators")).items():
        if label not in known:
            raise node.error(f"the suite has no evaluator '{label}'.{nearest(label, known)}")
        by_label[label] = _tolerances(node)
        places.update({(label, metric): each.place for metric, each in _nodes(node).items()})
    return Gate(parsed.alpha, _tolerances(metrics), by_label, costs, _tolerances(ceilings, "ceiling"), places=places)


def _tolerances(given: Node, name: str = "tolerance") -> dict[str, float]:
    found = {}
    for metric, node in _nodes(given).items():
        tolerance = node.value
        if type(tolerance) not in (int, float) or not 0 <= tolerance < float("inf"):
            raise node.error(f"the {name} of {metric} is a number of 0 or more, not {tolerance!r}.")
        if metric.endswith("accuracy") and tolerance >= 1:
            raise node.error(f"accuracies are fractions: a {name} of one point is 0.01, not {tolerance!r}.")
        found[metric] = float(tolerance)
    return found


def _nodes(given: Node) -> dict[str, Node]:
    if not isinstance(given.value, dict | None):
        raise given.error(f"{given.path[-1]} must be a mapping of names to tolerances, not {given.value!r}.")
    return given.children()
