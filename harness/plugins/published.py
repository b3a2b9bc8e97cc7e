"""Published results, which a component states as data so that a leaderboard can show them beside its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

START = "backbone.weights"  # the digest of the file that the backbone starts from
ON = "evaluator.data"  # the data set that an evaluator scores on instead of the cell's


@dataclass(frozen=True)
class Published:
    """One published number.

    `setting`: what a record must have for the number to stand beside it, as facts such as `{"dataset": "omniglot",
    "evaluator": "fewshot", "evaluator.ways": 5}`: the name of a component, its options, `budget.steps` and the like.
    `protocol`: further facts of how it was measured, which are told where a record's differ. `note`: what no fact can
    say. `value` and `half_width` are in the metric's own unit: an accuracy is a fraction.
    """

    setting: Mapping[str, Any]
    value: float
    source: str
    half_width: float | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    metric: str = "accuracy"

    def stated_by(self, kind: str, name: str, distribution: str) -> Published:
        """The same, of the component that states it, and of no stranger's that has its name."""
        return replace(self, setting={kind: name, f"{kind}@": distribution, **self.setting})

    def matches(self, facts: Mapping[str, Any], metric: str) -> bool:
        started = {START: None, ON: None, **self.setting}  # from a file, or on other data, only if it is stated
        return metric == self.metric and all(facts.get(key) == value for key, value in started.items())

    def differences(self, facts: Mapping[str, Any]) -> list[str]:
        """'episodes 10000, not 1000', for each fact of the protocol that is another here."""
        return [
            f"{key} {_word(facts.get(key))}, not {_word(value)}"
            for key, value in self.protocol.items()
            if facts.get(key) != value
        ]


def facts(cell: Mapping[str, Any], evaluator: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of one score: names and options of its components, and its budget."""
    found: dict[str, Any] = {}
    parts = {kind: cell.get(kind) or {} for kind in ("method", "backbone", "dataset")} | {"evaluator": evaluator}
    for kind, component in parts.items():
        found |= {kind: component.get("name"), f"{kind}@": component.get("distribution")}
        found |= {f"{kind}.{key}": value for key, value in (component.get("options") or {}).items()}
    if start := parts["backbone"].get("weights"):
        found[START] = start.get("digest")
    if own := evaluator.get("data"):
        found[ON] = own.get("name")
    budget = cell.get("budget") or {}
    return found | {f"budget.{key}": _named(value) for key, value in budget.items()}


def _named(value: Any) -> Any:
    """An optimizer that is more than its name is told from a bundled one of that name."""
    return f"{value.get('distribution')}:{value.get('name')}" if isinstance(value, Mapping) else value


def misstated(published: Any) -> str:
    """What is wrong with what a plugin states as published, or ""."""
    if not isinstance(published, Iterable) or not all(isinstance(each, Published) for each in published):
        return "states published results that are no list of harness.Published"
    for each in published:
        if not each.source or not each.setting:
            return "states a published result without a source or a setting"
    return ""


def _word(value: Any) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
