"""The results folder.

Each file is written atomically, so that a reader sees all of it or nothing. Only steps.jsonl, curve.jsonl and logs
grow.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.base.atomic_files import DamagedError, npz, read_json, set_aside, sweep, write_bytes, write_json
from harness.base.errors import UsageError
from harness.base.outcome import Outcome
from harness.base.slugs import default_results
from harness.base.version import FORMAT
from harness.store import lease
from harness.store.cell_folder import CellFolder, Status
from harness.store.compaction import Copies
from harness.store.judging import by_former_judges
from harness.store.records import CellRecord
from harness.store.schemas import (
    ATTEMPT,
    CELL,
    EVALUATION,
    TRAINING,
    Report,
    attempt_files,
    json_files,
    read_record,
    warn,
)
from harness.suite import planfile
from harness.suite.cell import Cell, Component
from harness.suite.plan import Plan

__all__ = [
    "ATTEMPT",
    "CELL",
    "EVALUATION",
    "TRAINING",
    "CellFolder",
    "Status",
    "Store",
    "attempt_files",
    "json_files",
    "npz",
    "read_json",
    "read_record",
    "write_bytes",
    "write_json",
]


class Store:
    """One results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copies = Copies(folder / "leases")

    @classmethod
    def of_plan(cls, plan: Path) -> Store:
        """The results folder that holds this file of a plan, as `write_plan` has written it."""
        return cls(plan.parent.parent)

    def cell(self, id_: str) -> CellFolder:
        return CellFolder(self.folder / "cells" / id_)

    def lease(self, id_: str) -> Path:
        return self.folder / "leases" / f"{id_}.json"

    def begun(self) -> Collection[str]:
        """Ids of the cells that have a folder."""
        try:
            return frozenset(os.listdir(self.folder / "cells"))  # noqa: PTH208 (as in reading.py)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def running_ids(self) -> Collection[str]:
        """Ids of the cells that some process runs now; one on another machine is believed to live."""
        leases = map(Path, json_files(str(self.folder / "leases")))
        seen = {path.stem: lease.signs(path) for path in leases}
        return {id_ for id_, found in seen.items() if found and not lease.is_dead_here(found.content)}

    def statuses(self, plan: Plan) -> dict[str, Status]:
        held, copies, begun = self.running_ids(), self.copies.valid(), self.begun()

        def status(id_: str) -> Status:
            evaluators = plan.evaluators_of(plan.cells[id_])
            if id_ not in begun:
                own: Status = "todo"
            elif id_ in copies:
                own = "done" if evaluators.keys() <= copies[id_].evaluations.keys() else "todo"
            else:
                own = self.cell(id_).status(evaluators)
            if own == "done" and self.is_stale(plan.cells[id_], copies):
                own = "todo"
            return "running" if id_ in held and own != "done" else own

        return {id_: status(id_) for id_ in plan.cells}

    def is_stale(self, cell: Cell, copies: Mapping[str, CellRecord] = MappingProxyType({})) -> bool:
        """Whether a cell is trained, and began with another model than what it starts from has now, or was judged by
        another one than its judge is now."""
        if cell.judges and by_former_judges(self._scores(cell.id, copies), lambda id_: self._training(id_, copies)):
            return True
        if cell.start is None:
            return False
        own, start = (self._training(id_, copies) for id_ in (cell.id, cell.start.id))
        return bool(own and start) and (own.get("start") or {}).get("model") != start.get("model")

    def _scores(self, id_: str, copies: Mapping[str, CellRecord]) -> Mapping[str, Mapping[str, Any]]:
        return copies[id_].evaluations if id_ in copies else self.cell(id_).scores()

    def _training(self, id_: str, copies: Mapping[str, CellRecord]) -> Mapping[str, Any]:
        """Empty if it is not trained, or the record cannot be read."""
        with suppress(DamagedError):
            return (copies[id_].training if id_ in copies else read_json(self.cell(id_).training)) or {}
        return {}

    def ended_since(self, cell: Cell, attempt: int, evaluators: Mapping[str, Component]) -> bool:
        """Whether it is done, or an attempt of that number or a later one has failed: what was interrupted goes on."""
        return self.cell(cell.id).ended_since(attempt, evaluators) and not self.is_stale(cell)

    def fail(self, cell: Cell, outcome: Outcome) -> None:
        """Write down that a cell has failed without having been run, unless a process runs it."""
        taken = lease.claim(self.lease(cell.id))
        if taken is None:
            return
        try:
            with self.changing(cell.id):
                attempt = self.cell(cell.id).next_attempt()
                write_json(self.cell(cell.id).cell, cell.as_json())
                write_json(attempt, outcome.as_json(attempt))
        finally:
            taken.release()

    def write_plan(self, plan: Plan) -> Path:
        content = planfile.dump(plan)
        path = self.folder / "plans" / f"{planfile.name(content)}.jsonl"
        if path.exists() and path.read_bytes() != content:  # its name says what it holds
            set_aside(path)
        if not path.exists():
            write_bytes(path, content)
        return path

    def findings(self, plan: Path, run: str = "") -> Path:
        """The file for what the preparation of a plan finds; each run has its own."""
        return self.folder / "prepared" / f"{plan.stem}{run and '.'}{run}.json"

    def bring_up_to_date(self, plan: Plan) -> None:
        """Labels and the suite's name may have changed since a cell was trained, and a failed evaluator may be gone."""
        begun, copies = self.begun(), self.copies.valid()
        for id_, cell in plan.cells.items():
            described = {"format": FORMAT, **cell.as_json()}
            if id_ not in begun:
                continue
            folder = self.cell(id_)
            self._label(id_, copies.get(id_), plan.evaluators_of(cell))
            if id_ in copies and _same(copies[id_].cell, described):
                continue
            written = folder.training.exists() and (cell.scored or not folder.cell.exists())
            if written and not _same(read_json(folder.cell) or {}, described):
                with self.changing(id_):
                    write_json(folder.cell, cell.as_json())
            elif id_ in copies:  # made of the cell as it was before who changed it could say so
                self.copies.changing(id_)
            if folder.is_done(plan.evaluators_of(cell)) and folder.failure():
                attempt = folder.next_attempt()
                with self.changing(id_):
                    write_json(attempt, Outcome("ok", "the suite asks for no more").as_json(attempt))
                folder.checkpoint.unlink(missing_ok=True)

    def _label(self, id_: str, copy: CellRecord | None, evaluators: Mapping[str, Component]) -> None:
        """Write the suite's labels into scores that were made under others. `copy`: the record, if there is one."""
        for evaluator, component in evaluators.items():
            path = self.cell(id_).evaluation(evaluator)
            known = copy.evaluations.get(evaluator) if copy else read_json(path)
            if known and known["label"] != component.label and (whole := read_json(path)):
                with self.changing(id_):
                    write_json(path, {**whole, "label": component.label})

    def bury(self, id_: str, content: bytes, why: str = "its process died, and its run with it") -> bool:
        """Release the cell of a dead owner and record its attempt as interrupted. Of several runs that try, one
        succeeds.
        """
        number = str(lease.owner(content).get("attempt", ""))
        attempt = self.cell(id_).attempts / f"{number}.json"
        if number.isdigit() and attempt.parent.exists() and not attempt.exists():
            with self.changing(id_):
                write_json(attempt, Outcome("interrupted", why).as_json(attempt))
        return lease.bury(self.lease(id_), content)

    def forget(self, id_: str) -> bool:
        """Remove all that a cell left behind; False if another process runs it."""
        taken = lease.claim(self.lease(id_))
        if taken is None:
            return False
        if self.cell(id_).folder.exists():
            self.copies.changing(id_)
            shutil.rmtree(self.cell(id_).folder)
        taken.release()
        return True

    def sweep(self) -> None:
        """Remove what dead processes left outside of cells: temporary files and leases, of cells that are done, too."""
        for path in (self.folder / "leases").glob("[!.]*.json"):
            if (seen := lease.signs(path)) and lease.is_dead_here(seen.content):
                self.bury(path.stem, seen.content)
        copies = (path.parent for path in self.copies.files())
        sweep([self.folder, *(self.folder / name for name in ("plans", "prepared", "leases")), *copies])

    @contextmanager
    def changing(self, id_: str) -> Iterator[None]:
        """Around a change to a cell's folder: its copy counts no more, not even one that was made meanwhile."""
        self.copies.changing(id_)
        yield
        self.copies.changing(id_)

    def compact(self) -> Iterator[int]:
        """Copy the records of finished cells into files of many; how many at a time."""
        return self.copies.compact(self.folder / "cells")

    def records(self, report: Report = warn) -> list[CellRecord]:
        """All cells of the folder, by id, less what is damaged. Raises UsageError if the folder holds none."""
        if self.folder.is_file():
            raise UsageError(f"{self.folder}: is a file. Give a results folder, such as {default_results('NAME')}.")
        records = self.records_if_any(report)
        if not records:
            raise UsageError(f"{self.folder}: holds no results. Run 'harness run SUITE --results {self.folder}' first.")
        return records

    def records_if_any(self, report: Report = warn) -> list[CellRecord]:
        """As `records`, and an empty list if the folder holds none."""
        copies = self.copies.valid(report)
        own = ((id_, copies.get(id_)) for id_ in sorted(self.begun()))
        read = (copy or read_record(f"{self.folder}/cells/{id_}", report) for id_, copy in own)
        return [record for record in read if record]


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two descriptions of a cell say the same, wherever in a suite it stands: to insert a line there must not
    write the files of all cells anew."""
    return _placeless(one) == _placeless(other)


def _placeless(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {name: each for name, each in value.items() if name != "where"} if isinstance(value, dict) else value
        for key, value in described.items()
    }
