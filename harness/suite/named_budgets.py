"""The section `budgets` of a suite: named changes to the suite, mostly of the length of trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath

SECTION = "budgets"
_FIXED = ("name", SECTION)  # a budget names its results itself: 'suite-budget'


def choose(values: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """The suite as its budget `name` changes it; None: as it stands. Mappings change key by key, all else as a whole.

    Raises UsageError without a place, as the place of a key is known to whoever has read the file.
    """
    rest = {key: value for key, value in values.items() if key != SECTION}
    budgets = _check_budgets(values.get(SECTION))
    if name is None:
        return rest
    if name not in budgets:
        raise UsageError(f"the suite has no budget '{name}'.{nearest(name, budgets)}")
    return _over(rest, budgets[name])


def _check_budgets(budgets: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(budgets, dict | None):
        raise UsageError(f"{SECTION} must be a mapping of names to what they change, not {budgets!r}.")
    for name, changes in (budgets or {}).items():
        if not isinstance(changes, dict | None):
            raise UsageError(f"the budget '{name}' must be a mapping of keys of the suite, not {changes!r}.")
        for key in _FIXED:
            if key in (changes or {}):
                raise UsageError(f"the budget '{name}' cannot change '{key}'.")
    return {name: changes or {} for name, changes in (budgets or {}).items()}


def _over(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for one, other in (("steps", "epochs"), ("epochs", "steps")):  # a length replaces the other kind of length
        if one in changes and other not in changes:
            merged.pop(other, None)
    for key, change in changes.items():
        old = merged.get(key)
        merged[key] = _over(old, change) if isinstance(old, dict) and isinstance(change, dict) else change
    return merged


def moved(lines: Mapping[KeyPath, int], name: str | None) -> dict[KeyPath, int]:
    """Lines of keys, those that the budget changes at the place of what they change."""
    start: KeyPath = (SECTION, name or "")
    own = {path[2:]: line for path, line in lines.items() if name is not None and path[:2] == start and len(path) > 2}
    return {**lines, **own}
