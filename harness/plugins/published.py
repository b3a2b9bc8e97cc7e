"""Results from papers, which components declare and leaderboards show beside their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

START = "backbone.weights"  # the digest of the file that the backbone starts from
ON = "evaluator.data"  # the data set that an evaluator scores on instead of the cell's


@dataclass(frozen=True)
class Published:
    """One published result.

    A fact is a pair such as "evaluator": "fewshot", "evaluator.ways": 5 or "budget.steps": 60000: the name of a
    component, one of its options, or a key of the budget.

    Attributes:
        setting: Facts that a record must have for the result to be shown beside it.
        value: The result in the metric's own unit; an accuracy is a fraction.
        source: The paper, with table or section.
        half_width: Half of the 95 % interval, in the same unit; None if it was not published.
        protocol: Further facts of the measurement. Where a record differs in one, the leaderboard says so.
        note: Remarks that cannot be written as facts.
        metric: Name of the metric.
    """

    setting: Mapping[str, Any]
    value: float
    source: str
    half_width: float | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    metric: str = "accuracy"

    def stated_by(self, kind: str, name: str, distribution: str) -> Published:
        """Add the component that declares the result, with its distribution, to the setting.

        Args:
            kind: Kind of the component, such as "method".
            name: Its name.
            distribution: The distribution that it comes from.

        Returns:
            The result with a larger setting.
        """
        return replace(self, setting={kind: name, f"{kind}@": distribution, **self.setting})

    def matches(self, facts: Mapping[str, Any], metric: str) -> bool:
        """Check whether the result is for the setting of a score.

        A score of a backbone that starts from a file, or on a data set of the evaluator's, matches only if the setting
        says so.

        Args:
            facts: Facts of the score's record.
            metric: Name of its metric.

        Returns:
            Whether it is.
        """
        started = {START: None, ON: None, **self.setting}  # from a file, or on other data, only if it is stated
        return metric == self.metric and all(facts.get(key) == value for key, value in started.items())

    def differences(self, facts: Mapping[str, Any]) -> list[str]:
        """List the facts of the protocol in which a score differs.

        Args:
            facts: Facts of the score's record.

        Returns:
            Texts such as 'episodes 10000, not 1000'.
        """
        return [
            f"{key} {_word(facts.get(key))}, not {_word(value)}"
            for key, value in self.protocol.items()
            if facts.get(key) != value
        ]


def facts(cell: Mapping[str, Any], evaluator: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one score in a record: names and options of its components, and its budget."""
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
    """An optimizer with options, or of another distribution, by its full name."""
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
