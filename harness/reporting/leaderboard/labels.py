"""The note on which rows of a table learned from labels, in their own training or in one that they start from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.reporting.leaderboard.tables import Table
from harness.reporting.leaderboard.text import joined
from harness.store.records import CellRecord


def labels(table: Table) -> list[str]:
    """One line if some rows learned from labels and others did not; none if that is not known of a row that learned.

    Rows without any training step are in neither list. Older records do not say whether labels were used.
    """
    found: dict[bool | None, list[str]] = {}
    for row in table.rows:
        trained = [cell for cell in row.cells if _trained(cell)]
        if trained:
            said = {_learned(cell) for cell in trained}
            found.setdefault(said.pop() if len(said) == 1 else None, []).append(row.label)
    if set(found) != {True, False}:
        return []
    return [f"Trained on labels: {joined(found[True])}. Without labels: {joined(found[False])}."]


def _trained(cell: CellRecord) -> bool:
    """Whether it has taken a step, or starts from something that has."""
    return bool(cell.training) and any(each.get("steps") != 0 for each in _trainings(cell))


def _learned(cell: CellRecord) -> bool | None:
    """Whether one of its trainings used labels; None if that is not known, as of weights from a file."""
    used = [each.get("labels") for each in _trainings(cell) if each.get("steps") != 0]
    if True in used:
        return True
    return None if None in used else False


def _trainings(cell: CellRecord) -> Iterator[Mapping[str, Any]]:
    """Its own, and those that it builds on; an empty one for each of which nothing is recorded."""
    training = cell.training or {}
    yield training
    chain = (training.get("start") or {}).get("chain") or ()
    yield from chain or ({} for _ in cell.cell.get("starts") or ())
    if cell.cell["backbone"].get("weights") or training.get("weights"):
        yield {}
