"""What must be true of a results folder, whatever has happened to the processes that wrote it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from harness.base.atomic_files import read_json
from harness.learning.checkpoint import read_checkpoint
from tests.faults.bench import PARTS, cells, outcome

LEFT_OVER = ("leases/[!.]*", "**/checkpoint.pt", "**/.*.tmp", "**/*.tmp")
RECORDS = ("training.json", "model.safetensors", "evaluations/*.json", "evaluations/*.npz")


class Keeper:
    """Knows what was there before, and what the campaign itself has damaged since."""

    def __init__(self, results: Path, reference: Path) -> None:
        self.results = results
        self.reference = {name: outcome(folder) for name, folder in cells(reference).items()}
        self.known: dict[Path, str] = {}  # records that were finished, by their content
        self.damaged: dict[Path, str] = {}  # what the campaign did to files, by their content since
        self.excused: Counter[str] = Counter()  # by cell: how often it may have to run again
        self.checks: Counter[str] = Counter()

    def damage(self, path: Path) -> None:
        """The campaign has just damaged this file: its cell may run again."""
        self.damaged[path] = digest(path)
        cell = self._cell(path)
        if cell is not None:
            self.excused[cell.name] += 1
            self.known = {file: known for file, known in self.known.items() if self._cell(file) != cell}

    def _cell(self, path: Path) -> Path | None:
        parts = path.relative_to(self.results).parts
        return self.results / "cells" / parts[1] if parts[0] == "cells" and len(parts) > 2 else None

    def is_ours(self, path: Path) -> bool:
        """Whether this file is as the campaign left it."""
        return path in self.damaged and path.exists() and digest(path) == self.damaged[path]

    def look(self) -> Iterator[str]:
        """What is wrong between two runs, while nothing writes."""
        yield from self._torn()
        yield from self._lost()
        yield from self._twice()

    def _torn(self) -> Iterator[str]:
        for path in sorted(self.results.rglob("*")):
            if path.is_file() and not path.name.startswith(".") and not self.is_ours(path):
                self.checks["files whole"] += 1
                if (reason := unreadable(path)) is not None:
                    yield f"torn: {path.relative_to(self.results)}: {reason}"

    def _lost(self) -> Iterator[str]:
        for path, before in self.known.items():
            self.checks["finished records unchanged"] += 1
            if not path.exists():
                yield f"lost: {path.relative_to(self.results)}"
            elif digest(path) != before:
                yield f"changed: {path.relative_to(self.results)}"
        for training in self.results.glob("cells/*/training.json"):
            if any(self._cell(path) == training.parent and self.is_ours(path) for path in self.damaged):
                continue  # what belongs to a damaged file will be made again with it
            for pattern in RECORDS:
                for path in training.parent.glob(pattern):
                    if not path.name.startswith(".") and not self.is_ours(path):
                        self.known.setdefault(path, digest(path))

    def _twice(self) -> Iterator[str]:
        for cell in self.results.glob("cells/*"):
            self.checks["cells run once"] += 1
            statuses = [status_of(path) for path in cell.glob("attempts/*.json")]
            if statuses.count("ok") > 1 + self.excused[cell.name]:
                yield f"twice: {cell.name} has {statuses.count('ok')} attempts that ended well"

    def complete(self) -> Iterator[str]:
        """What is wrong after a run that nothing disturbed."""
        found = cells(self.results)
        for name, wanted in self.reference.items():
            self.checks["cells complete and equal to the undisturbed run's"] += 1
            if name not in found:
                yield f"missing: {name}"
                continue
            for part, (files, read) in PARTS.items():
                yield from self._differs(name, found[name], part, files, read, wanted[part])
        for pattern in LEFT_OVER:
            for path in self.results.glob(pattern):
                yield f"left over: {path.relative_to(self.results)}"

    def _differs(
        self, name: str, cell: Path, part: str, files: str, read: Callable[[Path], Any], wanted: Any
    ) -> Iterator[str]:
        """Excused is what is still as the campaign left it: the content of large files is not looked at unless it is
        used, and a log of steps that was damaged before its training went on cannot be mended."""
        hurt = [path for path in self.damaged if path.parent.is_relative_to(cell) and path.match(files)]
        if any(self.is_ours(path) or part == "steps" for path in hurt):
            self.checks["damage to a model, units or a log of steps that nothing had to read"] += 1
            return
        try:
            if read(cell) != wanted:
                yield f"other {part}: {name} ({cell.name})"
        except Exception as error:  # noqa: BLE001 (each format has errors of its own, and all of them mean the same)
            yield f"incomplete: {name} ({cell.name}), {part}: {type(error).__name__}: {error}"


def witnessed(log: Path) -> Iterator[str]:
    """What observers saw that must not be: a cell in two processes at once."""
    spans: dict[tuple[str, int], list[float]] = defaultdict(list)
    for line in log.read_text().splitlines() if log.exists() else []:
        event = json.loads(line)
        if event["what"] in ("started", "step"):
            spans[event["cell"], event["pid"]].append(event["at"])
    by_cell: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for (cell, pid), times in spans.items():
        by_cell[cell].append((min(times), max(times), pid))
    for cell, found in by_cell.items():
        for (_, end, first), (begin, _, second) in pairwise(sorted(found)):
            if begin < end:
                yield f"at once: {cell} in processes {first} and {second}"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def status_of(attempt: Path) -> Any:
    try:
        return json.loads(attempt.read_text(encoding="utf-8"))["status"]
    except (OSError, ValueError, KeyError):
        return None


def unreadable(path: Path) -> str | None:
    """Why a file cannot be read as what its name says it is."""
    try:
        match path.suffix:
            case ".json" if path.parent.name == "leases":
                json.loads(path.read_text(encoding="utf-8"))
            case ".json":
                read_json(path)
            case ".safetensors":
                with safe_open(path, "np") as file:
                    for name in file.keys():  # noqa: SIM118 (it is no dict)
                        file.get_tensor(name)
            case ".npz":
                with np.load(path) as arrays:
                    for name in arrays:
                        _ = arrays[name]
            case ".pt":
                read_checkpoint(path, torch.device("cpu"))
    except Exception as error:  # noqa: BLE001 (each format has errors of its own, and all of them mean the same)
        return f"{type(error).__name__}: {error}"
    return None
