"""The progress of a run. Each event has constant cost, however many cells a run has."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from math import inf
from typing import Any

from harness.running.estimate import Estimate, Group, Running, estimate
from harness.store.results_folder import CellFolder, Store
from harness.store.schemas import read_record
from harness.suite.cell import digest
from harness.suite.plan import Plan

OF_A_GROUP, OF_A_FOLDER = 3, 300  # records at most that are read to judge by: each is several files
ENOUGH = 0.02  # of a training, to judge its rate by


@dataclass
class Mean:
    number: int = 0
    total: float = 0.0

    def add(self, value: float) -> None:
        self.number += 1
        self.total += value

    @property
    def value(self) -> float:
        return self.total / self.number


class Progress:
    """`begun`: when each running cell was started; `took`: seconds of each cell that has ended."""

    def __init__(self, plan: Plan, store: Store, left: Collection[str]) -> None:
        self.plan = plan
        self.store = store
        self.left = left
        self.begun: dict[str, float] = {}
        self.took: dict[str, float] = {}
        self.workers = 1
        self.elsewhere = 0  # cells that another run has now
        self._budgets: dict[tuple[int, int], str] = {}
        self._waiting = Counter(map(self._group, left))
        self._ended: dict[Group, Mean] = {}
        self._before = self._recorded()
        # of a running cell: when it was first seen to train, and last to have gone on, each with its share of the steps
        self._first: dict[str, tuple[float, float]] = {}
        self._last: dict[str, tuple[float, float]] = {}

    def add(self, id_: str) -> None:
        """Add a cell that seemed to be done but must run."""
        self.left = [*self.left, id_]
        self._waiting[self._group(id_)] += 1

    def begin(self, id_: str) -> None:
        """A cell was seen to run; to say so again changes nothing."""
        if id_ not in self.begun and id_ not in self.took:
            self.begun[id_] = time.monotonic()
            self.workers = max(self.workers, len(self.begun))
            self._waiting[self._group(id_)] -= 1

    def back(self, id_: str) -> None:
        """Take back that a cell runs: another run has it."""
        if self.begun.pop(id_, None) is not None:
            self._waiting[self._group(id_)] += 1

    def end_elsewhere(self, id_: str) -> None:
        """Another run has ended a cell; its time is unknown and not used for estimates."""
        self.took[id_] = 0.0
        self._waiting[self._group(id_)] -= 1

    def end(self, id_: str, *, well: bool = True) -> None:
        """A cell has ended; its time is used for estimates only if it ended well."""
        self.begin(id_)
        self.took[id_] = time.monotonic() - self.begun.pop(id_)
        if well:
            self._ended.setdefault(self._group(id_), Mean()).add(self.took[id_])

    def share(self, id_: str) -> float:
        """How much of a running cell's training is done, 0 to 1."""
        line = last_step(self.store.cell(id_))
        return line["step"] / line["steps"] if line else 0.0

    def remaining(self) -> Estimate | None:
        """Until all cells have ended; None while nothing is known. Earlier records count where no cell of a group has
        ended yet: they may be of another machine."""
        known = self._before | {group: mean.value for group, mean in self._ended.items()}
        return estimate(self._waiting, [self._running(id_) for id_ in self.begun], known, self.workers)

    def _running(self, id_: str) -> Running:
        now, share, left = time.monotonic(), self.share(id_), None
        if share:
            then, before = self._first.setdefault(id_, (now, share))
            if share != self._last.get(id_, (now, 0.0))[1]:
                self._last[id_] = now, share
            seen = self._last[id_][0]
            if share - before >= ENOUGH:
                left = max(0.0, (1 - share) * (seen - then) / (share - before) - (now - seen))
        return Running(self._group(id_), now - self.begun[id_], left)

    def _recorded(self) -> dict[Group, float]:
        """The mean seconds of training and evaluation of the groups that have finished cells, of the first of them."""
        found: dict[Group, Mean] = {}
        begun, read = self.store.begun(), 0
        for id_ in (id_ for id_ in self.plan.cells if id_ in begun):
            mean = found.setdefault(self._group(id_), Mean())
            if mean.number < OF_A_GROUP and read < OF_A_FOLDER:
                read += 1
                if (seconds := self._seconds(id_)) is not None:
                    mean.add(seconds)
        return {group: mean.value for group, mean in found.items() if mean.number}

    def _seconds(self, id_: str) -> float | None:
        record = read_record(str(self.store.cell(id_).folder), lambda _: None)  # whoever shows it says what is damaged
        evaluators = self.plan.evaluators_of(self.plan.cells[id_])
        if record is None or record.training is None or not evaluators.keys() <= record.evaluations.keys():
            return None
        stages = [record.training, *(record.evaluations[key] for key in evaluators)]
        seconds = [each for stage in stages if (each := stage["seconds"]) is not None and 0 <= each < inf]
        return sum(seconds) if len(seconds) == len(stages) else None

    def _group(self, id_: str) -> Group:
        cell = self.plan.cells[id_]
        key = id(cell.budget), id(cell.optimizer)  # cells share them
        budget = self._budgets.get(key)
        if budget is None:
            budget = self._budgets[key] = digest(cell.budget_identity)
        return Group(cell.method.digest, (cell.backbone.digest, cell.dataset.digest, budget))


def last_step(folder: CellFolder) -> dict[str, Any] | None:
    """The last whole line of a cell's log of steps."""
    try:
        with folder.steps.open("rb") as file:
            file.seek(max(0, folder.steps.stat().st_size - 4096))
            lines = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b"{") and line.endswith(b"}")]
    except OSError:
        return None
    try:
        line = json.loads(lines[-1]) if lines else None
        return line if line and line["step"] / line["steps"] >= 0 and line["loss"] is not None else None
    except (ValueError, KeyError, TypeError, ZeroDivisionError):  # a damaged line tells nothing
        return None
