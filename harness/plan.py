"""A plan: the cells of a suite by their ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.cells import Cell, Component, evaluator_id
from harness.config import Suite
from harness.errors import UsageError, nearest
from harness.matrix import names_of

AXES = ("method", "backbone", "dataset", "seed")


@dataclass(frozen=True)
class Plan:
    """Cells by id, in the order to run them, and evaluators by id."""

    suite: str
    cells: Mapping[str, Cell]
    evaluators: Mapping[str, Component]

    @classmethod
    def of(cls, suite: Suite) -> Plan:
        evaluators = {evaluator_id(evaluator): evaluator for evaluator in suite.evaluators}
        return cls(suite.name, {cell.id: cell for cell in suite.cells}, evaluators)

    def only(self, selection: Mapping[str, Iterable[str]]) -> Plan:
        """The cells that `selection` names, such as {"method": ["simclr"]}. Raises UsageError for an unknown name."""
        for axis, names in selection.items():
            known = {name for cell in self.cells.values() for name in _names(cell, axis)}
            for name in names:
                if name not in known:
                    raise UsageError(f"--only: no {axis} '{name}' in this suite.{nearest(name, known)}")
        chosen = {axis: set(names) for axis, names in selection.items()}
        cells = {
            id_: cell
            for id_, cell in self.cells.items()
            if all(not names.isdisjoint(_names(cell, axis)) for axis, names in chosen.items())
        }
        if not cells:
            raise UsageError("--only leaves no cell of this suite.")
        return replace(self, cells=cells)


def selection(arguments: Iterable[str]) -> dict[str, list[str]]:
    """--only method=simclr,maml -> {"method": ["simclr", "maml"]}. Raises UsageError for another form."""
    chosen: dict[str, list[str]] = {}
    for argument in arguments:
        axis, equals, names = argument.partition("=")
        if axis not in AXES or not equals or not names:
            raise UsageError(
                f"--only is written AXIS=NAME[,NAME], with an axis of {', '.join(AXES)}; not '{argument}'."
            )
        chosen.setdefault(axis, []).extend(re.split(r",(?! )", names))  # labels of sweeps have ", " inside
    return chosen


def _names(cell: Cell, axis: str) -> tuple[str, ...]:
    return (str(cell.seed),) if axis == "seed" else names_of(getattr(cell, axis))
