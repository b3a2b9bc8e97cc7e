"""A plan: the cells of a suite with their ids, written down so that a job needs nothing but the plan and an id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.budget import Budget
from harness.cells import FORMAT, Cell, Component, digest, evaluator_id
from harness.config import Suite
from harness.errors import UsageError, nearest
from harness.matrix import names_of
from harness.options import parse
from harness.registry import Kind, Registry

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
        cells = {
            id_: cell
            for id_, cell in self.cells.items()
            if all(set(names) & set(_names(cell, axis)) for axis, names in selection.items())
        }
        if not cells:
            raise UsageError("--only leaves no cell of this suite.")
        return replace(self, cells=cells)

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "suite": self.suite,
            "cells": {id_: cell.as_json() for id_, cell in self.cells.items()},
            "evaluators": {id_: evaluator.as_json() for id_, evaluator in self.evaluators.items()},
        }

    @property
    def digest(self) -> str:
        return digest(self.as_json())

    @classmethod
    def from_json(cls, plan: Mapping[str, Any], registry: Registry) -> Plan:
        """Raises UsageError if a plugin that the plan names is not installed here."""

        def component(kind: Kind, saved: Mapping[str, Any]) -> Component:
            spec = registry.get(kind, saved["name"])
            config: Any = parse(spec.config, saved["options"], lambda _: saved["where"], owner=saved["name"])
            return Component(spec, config, saved["label"], saved["where"])

        def cell(saved: Mapping[str, Any]) -> Cell:
            return Cell(
                saved["suite"],
                component("method", saved["method"]),
                component("backbone", saved["backbone"]),
                component("dataset", saved["dataset"]),
                saved["seed"],
                Budget(**saved["budget"]),
                saved["suite_budget"],
            )

        cells = {id_: cell(saved) for id_, saved in plan["cells"].items()}
        evaluators = {id_: component("evaluator", saved) for id_, saved in plan["evaluators"].items()}
        return cls(plan["suite"], cells, evaluators)


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
