"""The section `gate` of a suite: how much worse a score may be, and how sure one must be that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath, fields_of, option, parse

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
        """None: any rise is believed. A share of `before` may become better by ten points or half the way to the best,
        whichever is less: data that leak from the test set, or labels that do, raise an accuracy by more."""
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


def read_gate(section: Any, where: Callable[[KeyPath], str], evaluators: Iterable[str]) -> Gate:
    """Of a suite with these evaluators' labels. Raises UsageError with "file:line"."""
    if section is None:
        return Gate()
    if not isinstance(section, Mapping):
        raise UsageError(f"{where((SECTION,))}: gate must be a mapping of names to values, not {section!r}.")
    own = ("metrics", "evaluators", "ceilings")
    for key in section:
        if key not in (*own, *fields_of(_Numbers)):
            raise UsageError(
                f"{where((SECTION, key))}: gate has no '{key}'.{nearest(key, (*own, *fields_of(_Numbers)))}"
            )
    numbers = {key: value for key, value in section.items() if key not in own}
    parsed = parse(_Numbers, numbers, lambda path: where((SECTION, *path)), owner=SECTION)
    if not 0 < parsed.alpha < 1:
        raise UsageError(f"{where((SECTION, 'alpha'))}: alpha must be between 0 and 1, not {parsed.alpha}.")
    costs = {name: ratio for name in ("speed", "memory") if (ratio := getattr(parsed, name)) is not None}
    for name, ratio in costs.items():
        if ratio < 1:
            place = where((SECTION, name))
            raise UsageError(f"{place}: {name} is a ratio of 1 or more (1.2: a fifth worse), not {ratio}.")
    places: dict[tuple[str, str], str] = {}
    metrics = _tolerances(section.get("metrics"), (SECTION, "metrics"), where)
    places.update({("", metric): where((SECTION, "metrics", metric)) for metric in metrics})
    ceilings = _tolerances(section.get("ceilings"), (SECTION, "ceilings"), where, "ceiling")
    for metric in ceilings:
        places.setdefault(("", metric), where((SECTION, "ceilings", metric)))
    known, by_label = list(evaluators), {}
    for label, given in _mapping(section.get("evaluators"), (SECTION, "evaluators"), where).items():
        path: KeyPath = (SECTION, "evaluators", label)
        if label not in known:
            raise UsageError(f"{where(path)}: the suite has no evaluator '{label}'.{nearest(label, known)}")
        by_label[label] = _tolerances(given, path, where)
        places.update({(label, metric): where((*path, metric)) for metric in by_label[label]})
    return Gate(parsed.alpha, metrics, by_label, costs, ceilings, places=places)


def _tolerances(
    value: Any, path: KeyPath, where: Callable[[KeyPath], str], name: str = "tolerance"
) -> dict[str, float]:
    found = {}
    for metric, tolerance in _mapping(value, path, where).items():
        place = where((*path, metric))
        if type(tolerance) not in (int, float) or not 0 <= tolerance < float("inf"):
            raise UsageError(f"{place}: the {name} of {metric} is a number of 0 or more, not {tolerance!r}.")
        if metric.endswith("accuracy") and tolerance >= 1:
            raise UsageError(f"{place}: accuracies are fractions: a {name} of one point is 0.01, not {tolerance!r}.")
        found[metric] = float(tolerance)
    return found


def _mapping(value: Any, path: KeyPath, where: Callable[[KeyPath], str]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{where(path)}: {path[-1]} must be a mapping of names to tolerances, not {value!r}.")
    return {str(key): each for key, each in value.items()}
