"""Finds a cell by the names that tables show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.base.errors import UsageError, nearest
from harness.reporting.leaderboard.tables import Row, Table
from harness.store.records import CellRecord

LISTED = 20


@dataclass(frozen=True)
class Chosen:
    """A cell, and where in the tables it is."""

    table: Table
    row: Row
    record: CellRecord

    @property
    def name(self) -> str:
        return f"{self.row.full} · {self.table.full} · seed {self.record.cell['seed']}"

    def label(self, axis: str) -> str:
        return str(self.record.cell["seed"] if axis == "seed" else self.record.cell[axis]["label"])


def choose(tables: Iterable[Table], name: str, **narrowed: str | None) -> Chosen:
    """The cell of the method that tables call `name`, or whose id begins so. `narrowed`: labels by axis (backbone,
    dataset, seed), None for any. Raises UsageError, with what there is, if it is none or several."""
    every = list(_cells(tables))
    named = _matching(every, name)
    if not named:
        raise UsageError(
            f"there is no method '{name}' in these results.{nearest(name, {each.row.full for each in every})}"
        )
    left = named
    for axis, label in narrowed.items():
        found = [each for each in left if label is None or each.label(axis) == label]
        if not found:
            known = {each.label(axis) for each in left}
            raise UsageError(f"'{name}' has no {axis} '{label}' here.{nearest(str(label), known)}{_listed(named)}")
        left = found
    if len(left) > 1:
        differ = [axis for axis in narrowed if len({each.label(axis) for each in left}) > 1]
        how = " and ".join([*(f"--{axis}" for axis in differ)]) or "its id"
        raise UsageError(
            f"'{name}' is {len(left)} cells here: say which by {how}, or name it by its id.{_listed(left)}"
        )
    return left[0]


def _cells(tables: Iterable[Table]) -> Iterator[Chosen]:
    for table in tables:
        for row in table.rows:
            for record in row.cells:
                yield Chosen(table, row, record)


def _matching(cells: Sequence[Chosen], name: str) -> list[Chosen]:
    """What a table shows it as counts first, then the label that a suite gave or the method's own, then an id."""
    ways: tuple[Callable[[Chosen], bool], ...] = (
        lambda each: name in (each.row.full, each.row.label),
        lambda each: name in (each.label("method"), each.record.cell["method"]["name"]),
        lambda each: each.record.id.startswith(name),
    )
    return next((found for way in ways if (found := [each for each in cells if way(each)])), [])


def _listed(cells: Sequence[Chosen]) -> str:
    more = [f"  and {len(cells) - LISTED} more"] if len(cells) > LISTED else []
    return "\n".join(["", *(f"  {each.record.id}  {each.name}" for each in cells[:LISTED]), *more])
