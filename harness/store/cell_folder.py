"""The folder of one cell: its files, and the cell's status according to them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from harness.base.atomic_files import DamagedError, read_json, sweep
from harness.base.outcome import Status as Ending
from harness.store.records import CellRecord
from harness.store.schemas import ATTEMPT, attempt_files, failure_of, json_files, number_of, read_record

Status = Literal["todo", "running", "done"] | Ending


class CellFolder:
    """The files of one cell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cell = folder / "cell.json"
        self.training = folder / "training.json"
        self.model = folder / "model.safetensors"
        self.steps = folder / "steps.jsonl"
        self.curve = folder / "curve.jsonl"
        self.checkpoint = folder / "checkpoint.pt"
        self.start = folder / "start.json"
        self.profile = folder / "profile"
        self.evaluations = folder / "evaluations"
        self.attempts = folder / "attempts"

    def beside(self, id_: str) -> CellFolder:
        """The folder of another cell in the same results folder."""
        return CellFolder(self.folder.with_name(id_))

    def stage(self) -> str:
        """What the job was doing last: "while training" or "while evaluating"; "" if unknown."""
        try:
            begun = self.cell.stat().st_mtime_ns  # each job writes it first
            for path, stage in ((self.training, "while evaluating"), (self.steps, "while training")):
                if path.exists() and path.stat().st_mtime_ns >= begun:
                    return stage
        except FileNotFoundError:
            pass
        return ""

    def evaluation(self, evaluator: str) -> Path:
        return self.evaluations / f"{evaluator}.json"

    def evaluation_checkpoint(self, evaluator: str) -> Path:
        """Of a training inside an evaluation that has not ended."""
        return self.evaluations / f"{evaluator}.checkpoint.pt"

    def missing(self, evaluators: Iterable[str]) -> list[str]:
        """The evaluators that have not scored this cell."""
        return [evaluator for evaluator in evaluators if not self.evaluation(evaluator).exists()]

    def scores(self) -> dict[str, Any]:
        """The records of its scores by evaluator, without those that cannot be read."""
        found = {}
        for path in map(Path, json_files(str(self.evaluations))):
            with suppress(DamagedError):
                found[path.stem] = read_json(path) or {}
        return found

    def is_done(self, evaluators: Iterable[str]) -> bool:
        return self.training.exists() and not self.missing(evaluators)

    def next_number(self) -> int:
        """One more than that of any attempt so far."""
        try:
            names = os.listdir(self.attempts)  # noqa: PTH208 (as in reading.py)
        except (FileNotFoundError, NotADirectoryError):
            return 1
        return max(map(number_of, names), default=0) + 1

    def attempt(self, number: int) -> Path:
        """Where a job says how it ended; its log is beside it."""
        return self.attempts / f"{number:03}.json"

    def next_attempt(self) -> Path:
        return self.attempt(self.next_number())

    def latest(self, since: Path) -> Path:
        """The last attempt that says how it ended, if it is `since` or a later one; else `since`."""
        found = attempt_files(str(self.attempts))
        return Path(found[-1]) if found and number_of(found[-1]) > number_of(since.name) else since

    def failure(self, since: int = 0) -> dict[str, Any] | None:
        """How the latest attempt failed, if it did; only attempts from number `since` on."""
        found = attempt_files(str(self.attempts))
        if not found or number_of(found[-1]) < since:
            return None
        try:
            return failure_of(read_json(found[-1], ATTEMPT))
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
