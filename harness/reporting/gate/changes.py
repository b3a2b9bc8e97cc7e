"""Finds what differs between two runs apart from their results: versions, hardware and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.reporting.gate.snapshot import Group, Snapshot, name
from harness.reporting.leaderboard.text import canonical, clean, flatten

_MEASURED = ("dataset", "backbone")  # of another one, scores mean something else; a method is what is compared


def differences(was: Mapping[str, Any], now: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> str:
    """'k 20 → 200, version 0.1.0 → 0.2.0', or ""."""
    a, b = flatten(was), flatten(now)
    return ", ".join(
        f"{key.removeprefix('options.')} {_plain(a.get(key))} → {_plain(b.get(key))}"
        for key in sorted({*a, *b})
        if key not in without and canonical(a.get(key)) != canonical(b.get(key))
    )


def why_not(was: Group, now: Group) -> str:
    """Why no score of two groups may be compared, or "". Versions may differ: they are what is being checked."""
    for axis in _MEASURED:
        found = differences(was.identity[axis], now.identity[axis], without=("version", "distribution"))
        if found:
            return f"another {axis}: {found}"
    found = differences(was.identity.get("suite_budget") or {}, now.identity.get("suite_budget") or {})
    return f"another budget: {found}" if found else ""


def changes(before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Versions, hardware and options, one line each."""
    for what in ("versions", "hardware"):
        if found := differences(getattr(before, what), getattr(after, what)):
            yield f"{what}: {found}"
    for key, group in before.groups.items():
        if key in after.groups:
            now = after.groups[key]
            parts = [differences(group.identity["method"], now.identity["method"], without=("version",))]
            parts.append(differences(group.identity["budget"], now.identity["budget"]))
            starts = [{"start": each.identity.get("starts") or {}} for each in (group, now)]
            parts.append(differences(*starts))
            if found := ", ".join(filter(None, parts)):
                yield f"{name(key)}: {found}"


def _plain(value: Any) -> str:
    return "none" if value is None else clean(str(value).lower() if isinstance(value, bool) else value, 40)
