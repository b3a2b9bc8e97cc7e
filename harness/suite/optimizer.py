"""The key `optimizer` of a budget: a name, or a name with options."""

from __future__ import annotations

from typing import Any

from harness.base.errors import UsageError


def name_and_options(given: Any) -> tuple[str, dict[str, Any]]:
    """'sgd' or {'use': 'sgd', ...} -> name and options. Raises UsageError for another thing, without a place."""
    written = {"use": given} if isinstance(given, str) else given
    if not isinstance(written, dict) or not isinstance(written.get("use"), str):
        raise UsageError(f"an optimizer is a name or '{{use: name, option: value}}', not {given!r}.")
    return written["use"], {str(key): value for key, value in written.items() if key != "use"}
