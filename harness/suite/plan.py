"""A plan: the cells of a suite by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from harness.base.errors import UsageError, nearest
from harness.suite.cell import Cell, Component, evaluator_id
from harness.suite.curve import Curve
from harness.suite.matrix import names_of
from harness.suite.starts import with_starts
from harness.suite.suite import Suite

AXES = ("method", "backbone", "dataset", "seed")


@dataclass(frozen=True)
class Plan:
    """Cells by id, in the order to run them, and evaluators by id. `only_for`: methods of evaluators not for all.
    `along`: cells that nobody selected and others start from. `curves`: of evaluators that score while cells train."""

    suite: str
    cells: Mapping[str, Cell]
    evaluators: Mapping[str, Component]
    only_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    along: frozenset[str] = frozenset()
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def evaluators_of(self, cell: Cell) -> dict[str, Component]:
        """Those that score this cell."""
        return choose(cell, self.evaluators, self.only_for)

    @classmethod
    def of(cls, suite: Suite) -> Plan:
        evaluators = {evaluator_id(evaluator): evaluator for evaluator in suite.evaluators}
        only_for = {evaluator_id(evaluator): suite.only[evaluator.label] for evaluator in suite.evaluators}
        limited = {id_: methods for id_, methods in only_for.items() if methods}
        cells = {cell.id: cell for cell in suite.cells}
        curves = {id_: suite.curves[each.label] for id_, each in evaluators.items() if each.label in suite.curves}
        return cls(suite.name, cells, evaluators, limited, curves=curves)

    def only(self, selection: Mapping[str, Iterable[str]]) -> Plan:
        """The cells that `selection` names, such as {"method": ["simclr,maml"]}, and what they start from, which is
        trained and, unless it is named itself, not scored. Raises UsageError for another."""
        chosen: dict[str, set[str]] = {}
        for axis, lists in selection.items():
            known = {name for cell in self.cells.values() for name in _names(cell, axis)}
            chosen[axis] = {name for names in lists for name in _listed(names, known, axis)}
        cells = {
            id_: cell
            for id_, cell in self.cells.items()
            if all(not names.isdisjoint(_names(cell, axis)) for axis, names in chosen.items())
        }
        if not cells:
            raise UsageError("--only leaves no cell of this suite.")
        return replace(self, cells=with_starts(cells), along=frozenset(with_starts(cells)) - cells.keys())


def choose(
    cell: Cell, evaluators: Mapping[str, Component], only_for: Mapping[str, Collection[str]]
) -> dict[str, Component]:
    """The evaluators that score a cell: those for all methods, and those for a name or the label of its own. One with
    data of its own scores the cells whose backbones take them."""
    if not cell.scored:
        return {}
    names, takes = names_of(cell.method), cell.backbone.spec.modality
    return {
        id_: evaluator
        for id_, evaluator in evaluators.items()
        if (id_ not in only_for or not set(names).isdisjoint(only_for[id_]))
        and (evaluator.data is None or evaluator.data.spec.modality == takes)
    }


def selection(arguments: Iterable[str]) -> dict[str, list[str]]:
    """--only method=simclr,maml -> {"method": ["simclr,maml"]}. Raises UsageError for another form."""
    chosen: dict[str, list[str]] = {}
    for argument in arguments:
        axis, equals, names = argument.partition("=")
        if axis not in AXES or not equals or not names:
            raise UsageError(
                f"--only is written AXIS=NAME[,NAME], with an axis of {', '.join(AXES)}; not '{argument}'."
            )
        chosen.setdefault(axis, []).append(names)
    return chosen


def _listed(names: str, known: Collection[str], axis: str) -> list[str]:
    """The known names of a list, parted by commas, with blanks or not; a name may have commas itself, so the longest
    that is known is taken. Raises UsageError for what is none."""
    parts, found = names.split(","), []
    while parts:
        ends = range(len(parts), 0, -1)
        name, end = next(((name, end) for end in ends if (name := ",".join(parts[:end]).strip()) in known), ("", 0))
        if not end:
            unknown = parts[0].strip()
            raise UsageError(f"--only: no {axis} '{unknown}' in this suite.{nearest(unknown, known)}")
        found.append(name)
        parts = parts[end:]
    return found


def _names(cell: Cell, axis: str) -> tuple[str, ...]:
    return (str(cell.seed),) if axis == "seed" else names_of(getattr(cell, axis))
