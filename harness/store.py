"""The results folder. Each file is written whole: a reader sees all of it or nothing. Only steps.jsonl and logs grow.

plans/<digest>.jsonl                    a plan, by content
prepared/<digest>.<run>.json, .log      what preparing that plan found, while a run reads it
leases/<id>.json                        who runs a cell now
cells/<id>/cell.json                    which cell this is
cells/<id>/training.json                cost and provenance of a training that ended well
cells/<id>/model.safetensors            the trained method
cells/<id>/steps.jsonl                  metrics per logged step
cells/<id>/evaluations/<id>.json, .npz  metrics of one evaluator, and their per-unit values
cells/<id>/attempts/<n>.json, .log      one per job: how it ended, what it printed
cells/<id>/profile/                     operators.txt and trace.json, if asked for
cells/<id>/checkpoint.pt                of a training that has not ended
.../<name>.damaged-<n>                  a file that could not be read, set aside
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from harness import lease, planfile
from harness.cells import FORMAT
from harness.errors import UsageError, shown
from harness.files import ANY, DamagedError, npz, read_json, set_aside, sweep, write_bytes, write_json
from harness.outcome import Outcome
from harness.outcome import Status as Ending
from harness.plan import Plan
from harness.records import CellRecord

__all__ = ["CellFolder", "Status", "Store", "npz", "read_json", "read_record", "write_bytes", "write_json"]

Status = Literal["todo", "running", "done"] | Ending
Report = Callable[[DamagedError], None]

NUMBER, OPTIONAL = (int, float, NoneType), (dict, NoneType)
COMPONENT = {"name": str, "options": dict, "decides": list}
LABELLED = {**COMPONENT, "label": str}
CELL = {
    "suite": str,
    "seed": int,
    **dict.fromkeys(("method", "backbone", "dataset"), LABELLED),
    "budget": {"steps": NUMBER, "epochs": NUMBER},
    "suite_budget": OPTIONAL,
}
TRAINING = {
    **dict.fromkeys(("seconds", "images", "images_per_second", "peak_memory_mb"), NUMBER),
    "provenance": OPTIONAL,
}
METRIC = {"value": NUMBER, "half_width": NUMBER, "n": NUMBER}
EVALUATION = {
    "label": str,
    "evaluator": COMPONENT,
    "seconds": (int, float),
    "metrics": {ANY: METRIC},
    "provenance": OPTIONAL,
}
ATTEMPT = {"status": str, "message": str}


def warn(damage: DamagedError) -> None:
    """What a reader says of a file that it leaves out."""
    print(shown(f"harness: warning: {damage}"), file=sys.stderr)


def json_files(folder: str) -> list[str]:
    """Paths of the JSON files of a folder, sorted; none if there is no such folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (as in read_record)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".json") and not name.startswith(".")]


def attempt_files(folder: str) -> list[str]:
    """Paths of the attempts of a folder in their order; a file that somebody else put there is none."""
    return sorted(filter(_number, json_files(folder)), key=_number)


def _number(path: str) -> int:
    """That of an attempt's file, from 1 on; 0 for another file."""
    found = re.fullmatch(r"([0-9]{1,9})\..*", path.rpartition("/")[2])
    return int(found[1]) if found else 0


def read_record(folder: str, report: Report = warn) -> CellRecord | None:
    """What a cell's folder holds, less what is damaged. None if it does not say which cell it is.

    Paths are text here: making tens of thousands of Path objects takes seconds.
    """

    def read(path: str, shape: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return read_json(path, shape)
        except DamagedError as damage:
            report(damage)
            return None

    cell = read(f"{folder}/cell.json", CELL)
    if cell is None:
        return None
    training = read(f"{folder}/training.json", TRAINING)
    evaluations = {
        path.rpartition("/")[2].removesuffix(".json"): evaluation
        for path in json_files(f"{folder}/evaluations")
        if (evaluation := read(path, EVALUATION))
    }
    attempts = attempt_files(f"{folder}/attempts")
    last = read(attempts[-1], ATTEMPT) if attempts else None
    return CellRecord(folder.rpartition("/")[2], cell, training, evaluations, _failure(last))


def _failure(attempt: dict[str, Any] | None) -> dict[str, Any] | None:
    return attempt if attempt and attempt["status"] != "ok" else None


class CellFolder:
    """What one cell leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cell = folder / "cell.json"
        self.training = folder / "training.json"
        self.model = folder / "model.safetensors"
        self.steps = folder / "steps.jsonl"
        self.checkpoint = folder / "checkpoint.pt"
        self.profile = folder / "profile"
        self.evaluations = folder / "evaluations"
        self.attempts = folder / "attempts"

    def evaluation(self, evaluator: str) -> Path:
        return self.evaluations / f"{evaluator}.json"

    def missing(self, evaluators: Iterable[str]) -> list[str]:
        """The evaluators that have not scored this cell."""
        return [evaluator for evaluator in evaluators if not self.evaluation(evaluator).exists()]

    def is_done(self, evaluators: Iterable[str]) -> bool:
        return self.training.exists() and not self.missing(evaluators)

    def next_number(self) -> int:
        """One more than that of any attempt so far."""
        try:
            names = os.listdir(self.attempts)  # noqa: PTH208 (as in read_record)
        except (FileNotFoundError, NotADirectoryError):
            return 1
        return max(map(_number, names), default=0) + 1

    def attempt(self, number: int) -> Path:
        """Where a job says how it ended; its log is beside it."""
        return self.attempts / f"{number:03}.json"

    def next_attempt(self) -> Path:
        return self.attempt(self.next_number())

    def latest(self, since: Path) -> Path:
        """The last attempt that says how it ended, if it is `since` or a later one; else `since`."""
        found = attempt_files(str(self.attempts))
        return Path(found[-1]) if found and _number(found[-1]) > _number(since.name) else since

    def failure(self, since: int = 0) -> dict[str, Any] | None:
        """How the latest attempt failed, if it did; only attempts from number `since` on."""
        found = attempt_files(str(self.attempts))
        if not found or _number(found[-1]) < since:
            return None
        try:
            return _failure(read_json(found[-1], ATTEMPT))
        except DamagedError as damage:
            return {"status": "failed", "message": str(damage)}

    def status(self, evaluators: Iterable[str]) -> Status:
        """Whether some process runs it now is not told by its folder."""
        if self.is_done(evaluators):
            return "done"
        failure = self.failure()
        return failure["status"] if failure else "todo"

    def ended_since(self, attempt: int, evaluators: Iterable[str]) -> bool:
        """Whether it is done, or an attempt of that number or a later one has failed: what was interrupted goes on."""
        if self.is_done(evaluators):
            return True
        failure = self.failure(since=attempt)
        return failure is not None and failure["status"] != "interrupted"

    def sweep(self, *, foreign: bool = False) -> None:
        """Remove temporary files that a dead process left."""
        sweep((self.folder, self.evaluations, self.attempts), foreign=foreign)

    def record(self) -> CellRecord | None:
        """None if the folder holds no cell."""
        return read_record(str(self.folder))


class Store:
    """One results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cell(self, id_: str) -> CellFolder:
        return CellFolder(self.folder / "cells" / id_)

    def lease(self, id_: str) -> Path:
        return self.folder / "leases" / f"{id_}.json"

    def begun(self) -> Collection[str]:
        """Ids of the cells that have a folder."""
        try:
            return frozenset(os.listdir(self.folder / "cells"))  # noqa: PTH208 (as in read_record)
        except FileNotFoundError:
            return frozenset()

    def held(self) -> Collection[str]:
        """Ids of the cells that some process runs now; one on another machine is believed to live."""
        leases = map(Path, json_files(str(self.folder / "leases")))
        seen = {path.stem: lease.signs(path) for path in leases}
        return {id_ for id_, found in seen.items() if found and not lease.is_dead_here(found[0])}

    def statuses(self, plan: Plan) -> dict[str, Status]:
        begun, held = self.begun(), self.held()

        def status(id_: str) -> Status:
            own = self.cell(id_).status(plan.evaluators_of(plan.cells[id_])) if id_ in begun else "todo"
            return "running" if id_ in held and own != "done" else own

        return {id_: status(id_) for id_ in plan.cells}

    def write_plan(self, plan: Plan) -> Path:
        content = planfile.dump(plan)
        path = self.folder / "plans" / f"{planfile.name(content)}.jsonl"
        if path.exists() and path.read_bytes() != content:  # its name says what it holds
            set_aside(path)
        if not path.exists():
            write_bytes(path, content)
        return path

    def prepared(self, plan: Path, run: str = "") -> Path:
        """What preparing a plan found; each run asks for itself."""
        return self.folder / "prepared" / f"{plan.stem}{run and '.'}{run}.json"

    def bring_up_to_date(self, plan: Plan) -> None:
        """Labels and the suite's name may have changed since a cell was trained, and a failed evaluator may be gone."""
        for id_, cell in plan.cells.items():
            folder = self.cell(id_)
            if folder.training.exists() and read_json(folder.cell) != {"format": FORMAT, **cell.as_json()}:
                write_json(folder.cell, cell.as_json())
            if folder.is_done(plan.evaluators_of(cell)) and folder.failure():
                attempt = folder.next_attempt()
                write_json(attempt, Outcome("ok", "the suite asks for no more").as_json(attempt))
                folder.checkpoint.unlink(missing_ok=True)

    def bury(self, id_: str, content: bytes, why: str = "its process died, and its run with it") -> bool:
        """Take the cell from a dead owner, whose attempt was interrupted. Of several runs that try, one does."""
        number = str(lease.owner(content).get("attempt", ""))
        attempt = self.cell(id_).attempts / f"{number}.json"
        if number.isdigit() and attempt.parent.exists() and not attempt.exists():
            write_json(attempt, Outcome("interrupted", why).as_json(attempt))
        return lease.bury(self.lease(id_), content)

    def forget(self, id_: str) -> bool:
        """Remove all that a cell left behind; False if another process runs it."""
        taken = lease.claim(self.lease(id_))
        if taken is None:
            return False
        if self.cell(id_).folder.exists():
            shutil.rmtree(self.cell(id_).folder)
        taken.release()
        return True

    def sweep(self) -> None:
        """Remove what dead processes left outside of cells: temporary files and leases, of cells that are done, too."""
        for path in (self.folder / "leases").glob("[!.]*.json"):
            if (seen := lease.signs(path)) and lease.is_dead_here(seen[0]):
                self.bury(path.stem, seen[0])
        sweep([self.folder, *(self.folder / name for name in ("plans", "prepared", "leases"))])

    def records(self, report: Report = warn) -> list[CellRecord]:
        """All cells of the folder, by id, less what is damaged. Raises UsageError if the folder holds none."""
        cells = f"{self.folder}/cells"
        names = sorted(os.listdir(cells)) if os.path.isdir(cells) else []  # noqa: PTH112, PTH208 (see read_record)
        records = [record for name in names if (record := read_record(f"{cells}/{name}", report))]
        if not records:
            raise UsageError(f"{self.folder}: holds no results. Run 'harness run SUITE --results {self.folder}' first.")
        return records
