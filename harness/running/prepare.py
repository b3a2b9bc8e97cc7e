"""The first job of a run: loads every data set of a plan and checks every combination."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harness.base.atomic_files import write_json
from harness.base.counting import counted, report_progress
from harness.base.errors import UsageError
from harness.base.outcome import Outcome
from harness.base.wording import quantity
from harness.learning import building
from harness.learning.data.duplicates import shared_with_train
from harness.learning.data.splits import Data
from harness.learning.starting import Shapes
from harness.plugins.registry import registry
from harness.store.results_folder import Store
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile

Combination = tuple[str, str, str, str, Budget, str, bool]
Weights = dict[Combination, tuple[Shapes, Shapes]]  # what a cell takes over, and gives to others


def prepare(path: Path, found: Path | None = None) -> Outcome:
    """Load every data set once (downloads, caches) and check every combination of a plan before anything trains.

    Only the user's mistakes and warnings are written down, in `found`; whatever else goes wrong will be the record of
    the cells it hits.
    """
    store, plan = Store.of_plan(path), PlanFile(path, registry()).plan()
    found = found or store.findings(path)
    errors: list[str] = []
    told: list[str] = []
    read: list[str] = []
    others: dict[str, Data] = {}
    for dataset in {each.data.digest: each.data for each in plan.evaluators.values() if each.data}.values():
        with report_progress(found, dataset.label):
            if data := _load(dataset, errors, told, read):
                others[dataset.digest] = data
    weights: Weights = {}
    for dataset, cells in _by_dataset(plan):
        with report_progress(found, dataset.label):
            if data := others.get(dataset.digest) or _load(dataset, errors, told, read):
                _check(plan, data, others, cells, errors, told, weights)
    errors += _misfits(plan, weights)
    said = {"errors": errors, "warnings": told, "read": read}
    write_json(found, {key: list(dict.fromkeys(lines)) for key, lines in said.items()})
    return Outcome("ok")


def _load(dataset: Component, errors: list[str], told: list[str], read: list[str]) -> Data | None:
    """None if it cannot be loaded."""
    try:
        with building.usage_warnings(f"{dataset.where}: {dataset.label}", told):
            data = building.load_data(dataset, torch.device("cpu"))
    except UsageError as error:
        errors.append(f"{dataset.where}: {dataset.label}: {error}")
        return None
    except Exception:  # noqa: BLE001 (a broken data set is the record of its cells; the others go on)
        traceback.print_exc()
        return None
    read.append(f"{dataset.label}: {describe(data)}")
    told += (f"{dataset.where}: {dataset.label}: {each}" for each in leaks(data))
    return data


def _check(
    plan: Plan,
    data: Data,
    others: Mapping[str, Data],
    cells: list[Cell],
    errors: list[str],
    told: list[str],
    weights: Weights,
) -> None:
    """One data set, with all that it is combined with."""
    starts = {_combination(cell.start) for cell in plan.cells.values() if cell.start}
    for cell in counted(cells, "combinations checked"):
        try:
            evaluators = plan.evaluators_of(cell)
            curves = {evaluators[id_].label: curve for id_, curve in plan.curves.items() if id_ in evaluators}
            told += building.check_cell(cell, list(evaluators.values()), data, others, curves)
            if cell.start or _combination(cell) in starts:
                weights[_combination(cell)] = building.shapes_for_starts(cell, data)
        except UsageError as error:
            errors.append(str(error))
        except Exception:  # noqa: BLE001 (likewise)
            traceback.print_exc()


def _misfits(plan: Plan, weights: Weights) -> list[str]:
    """What is wrong with the cells that cannot take over the weights of what they start from."""
    found = []
    for cell in plan.cells.values():
        if cell.start and {(own := _combination(cell)), (before := _combination(cell.start))} <= weights.keys():
            try:
                building.check_start(cell, cell.start, weights[own][0], weights[before][1])
            except UsageError as error:
                found.append(str(error))
    return found


def describe(data: Data) -> str:
    """'train 80 samples of 10 classes, test 20 of 10; squares of 32 pixels'"""
    parts = [
        f"{name} {len(split):,}" + (f" of {len(split.classes):,}" if split.labelled else "")
        for name, split in data.splits.items()
    ]
    first = next(iter(data.splits.values()))
    parts[0] = parts[0].replace(" of ", " samples of ") + " classes" if first.labelled else parts[0] + " samples"
    return "; ".join([", ".join(parts), *data.notes])


def leaks(data: Data) -> list[str]:
    """Warnings of samples that are in the training split and in another."""
    return [
        f"{count:,} of the {quantity(len(data.split(name)), 'sample')} of the split '{name}' "
        f"{'is' if count == 1 else 'are'} also in 'train': a score on them shows what is remembered."
        for name, count in shared_with_train(data).items()
    ]


def _by_dataset(plan: Plan) -> list[tuple[Component, list[Cell]]]:
    """Each data set with one cell per combination; seeds do not matter here."""
    groups: dict[str, tuple[Component, dict[Any, Cell]]] = {}
    for cell in plan.cells.values():
        _, cells = groups.setdefault(cell.dataset.digest, (cell.dataset, {}))
        cells.setdefault(_combination(cell), cell)
    return [(dataset, list(cells.values())) for dataset, cells in groups.values()]


def _combination(cell: Cell) -> Combination:
    """Equal for cells that differ by their seed alone; what they start from is a combination of its own."""
    method, optimizer = cell.method, cell.optimizer.digest if cell.optimizer else ""
    return cell.dataset.digest, method.digest, method.label, cell.backbone.digest, cell.budget, optimizer, cell.scored
