"""The results folder. Each file is written whole: a reader sees all of it or nothing. Only steps.jsonl and logs grow.

plans/<digest>.jsonl                    a plan, by content
prepared/<digest>.json                  what preparing that plan found
cells/<id>/cell.json                    which cell this is
cells/<id>/training.json                cost and provenance of a training that ended well
cells/<id>/model.safetensors            the trained method
cells/<id>/steps.jsonl                  metrics per logged step
cells/<id>/evaluations/<id>.json, .npz  metrics of one evaluator, and their per-unit values
cells/<id>/attempts/<n>.json, .log      one per job: how it ended, what it printed
cells/<id>/profile/                     operators.txt and trace.json, if asked for
cells/<id>/checkpoint.pt                of a training that has not ended
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from harness import planfile
from harness.cells import FORMAT
from harness.errors import UsageError
from harness.plan import Plan
from harness.records import CellRecord

Status = Literal["todo", "running", "done", "failed"]


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content` at once: temporary file in the same folder, fsync, rename, fsync of the folder.

    Without `durable` there is no fsync: for what means nothing after the machine went down.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if not durable:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    text = json.dumps({"format": FORMAT, **value}, indent=1, ensure_ascii=False)
    write_bytes(path, text.encode(), durable=durable)


def read_json(path: Path | str) -> dict[str, Any] | None:
    """None if there is no such file. Raises UsageError for one that is damaged or of a newer format."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a leaderboard opens tens of thousands)
            value = json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:  # of bytes, of JSON, of a number of thousands of digits
        raise UsageError(f"{path}: is damaged ({error}); remove it and run again.") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise UsageError(f"{path}: is not of format {FORMAT}; it was written by another version of harness.")
    return value


def _json_files(folder: str) -> list[str]:
    """Paths of the JSON files of a folder, sorted; none if there is no such folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (likewise)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [f"{folder}/{name}" for name in sorted(names) if name.endswith(".json") and not name.startswith(".")]


def read_record(folder: str) -> CellRecord | None:
    """What a cell's folder holds. Paths are text here: making tens of thousands of Path objects takes seconds."""
    cell = read_json(f"{folder}/cell.json")
    if cell is None:
        return None
    found = _json_files(f"{folder}/evaluations")
    evaluations = {path.rpartition("/")[2].removesuffix(".json"): read_json(path) or {} for path in found}
    training = read_json(f"{folder}/training.json")
    return CellRecord(folder.rpartition("/")[2], cell, training, evaluations, _failure(folder))


def _failure(folder: str) -> dict[str, Any] | None:
    attempts = _json_files(f"{folder}/attempts")
    last = read_json(attempts[-1]) if attempts else None
    return last if last and last["status"] != "ok" else None


class CellFolder:
    """What one cell leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cell = folder / "cell.json"
        self.training = folder / "training.json"
        self.model = folder / "model.safetensors"
        self.steps = folder / "steps.jsonl"
        self.checkpoint = folder / "checkpoint.pt"
        self.running = folder / "running.json"
        self.profile = folder / "profile"

    def evaluation(self, evaluator: str) -> Path:
        return self.folder / "evaluations" / f"{evaluator}.json"

    def missing(self, evaluators: Iterable[str]) -> list[str]:
        """The evaluators that have not scored this cell."""
        return [evaluator for evaluator in evaluators if not self.evaluation(evaluator).exists()]

    def next_attempt(self) -> Path:
        """Where the next job says how it ended; its log is beside it."""
        taken = [int(file.stem) for file in (self.folder / "attempts").glob("*.*") if file.stem.isdigit()]
        return self.folder / "attempts" / f"{max(taken, default=0) + 1:03}.json"

    def failure(self) -> dict[str, Any] | None:
        """How the latest attempt failed, if it did."""
        return _failure(str(self.folder))

    def status(self, evaluators: Iterable[str]) -> Status:
        if self.training.exists() and not self.missing(evaluators):
            return "done"
        if self._is_running():
            return "running"
        return "failed" if self.failure() else "todo"

    def mark_running(self) -> None:
        pid = os.getpid()
        mark = {"pid": pid, "host": socket.gethostname(), "began": process_start(pid)}
        write_json(self.running, mark, durable=False)

    def _is_running(self) -> bool:
        """Whether the process that said so is alive; one on another host is believed."""
        mark = read_json(self.running)
        if mark is None:
            return False
        if mark["host"] != socket.gethostname():
            return True
        try:
            os.kill(mark["pid"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return mark.get("began") == process_start(mark["pid"])  # or the number was given to another process since

    def record(self) -> CellRecord | None:
        """None if the folder holds no cell."""
        return read_record(str(self.folder))


class Store:
    """One results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cell(self, id_: str) -> CellFolder:
        return CellFolder(self.folder / "cells" / id_)

    def statuses(self, plan: Plan) -> dict[str, Status]:
        try:
            begun = {folder.name for folder in (self.folder / "cells").iterdir()}
        except FileNotFoundError:
            begun = set()
        return {id_: self.cell(id_).status(plan.evaluators) if id_ in begun else "todo" for id_ in plan.cells}

    def write_plan(self, plan: Plan) -> Path:
        content = planfile.dump(plan)
        path = self.folder / "plans" / f"{planfile.name(content)}.jsonl"
        if not path.exists():
            write_bytes(path, content)
        return path

    def prepared(self, plan: Path) -> Path:
        return self.folder / "prepared" / f"{plan.stem}.json"

    def bring_up_to_date(self, plan: Plan) -> None:
        """Labels and the suite's name may have changed since a cell was trained, and a failed evaluator may be gone."""
        for id_, cell in plan.cells.items():
            folder = self.cell(id_)
            described = {"format": FORMAT, **cell.as_json()}
            if folder.cell.exists() and read_json(folder.cell) != described:
                write_json(folder.cell, cell.as_json())
            if folder.status(plan.evaluators) == "done" and folder.failure():
                write_json(folder.next_attempt(), {"status": "ok", "message": "the suite asks for no more"})

    def forget(self, id_: str) -> None:
        """Remove all that a cell left behind."""
        if self.cell(id_).folder.exists():
            shutil.rmtree(self.cell(id_).folder)

    def records(self) -> list[CellRecord]:
        """All cells of the folder, by id. Raises UsageError if the folder holds none."""
        cells = f"{self.folder}/cells"
        names = sorted(os.listdir(cells)) if os.path.isdir(cells) else []  # noqa: PTH112, PTH208 (see read_record)
        records = [record for name in names if (record := read_record(f"{cells}/{name}"))]
        if not records:
            raise UsageError(f"{self.folder}: holds no results. Run 'harness run SUITE --results {self.folder}' first.")
        return records


def process_start(pid: int) -> str:
    """When a process began, as the system counts it; "" where that cannot be read. Tells a reused number apart."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def npz(arrays: Mapping[str, Any]) -> bytes:
    """Named arrays as the bytes of a compressed .npz file."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))
    return buffer.getvalue()
