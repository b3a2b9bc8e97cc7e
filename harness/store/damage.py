"""Finds damaged files of a plan's cells and sets them aside, so that their content is computed again."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.base.atomic_files import DamagedError, broken, read_json, set_aside
from harness.store import lease
from harness.store.results_folder import (
    ATTEMPT,
    CELL,
    EVALUATION,
    TRAINING,
    CellFolder,
    Store,
    attempt_files,
    json_files,
)
from harness.store.schemas import START
from harness.suite.plan import Plan


def repair(store: Store, plan: Plan) -> Iterator[str]:
    """Set aside what is damaged in the cells that no process runs; a message for each file."""
    yield from store.copies.repair()
    copies, begun = store.copies.valid(), store.begun()
    needed: set[str] = set()  # models that others are about to start from
    for id_, cell in reversed(list(plan.cells.items())):  # what starts from a cell comes before it
        evaluators = plan.evaluators_of(cell)
        if id_ in copies and id_ not in needed and evaluators.keys() <= copies[id_].evaluations.keys():
            continue  # nothing will use its files, and its copy was made of whole ones
        if id_ in begun:
            yield from _repair(store, id_, model=id_ in needed)
        if cell.needs and not (id_ in begun and store.cell(id_).is_done(evaluators)):
            needed.update(each.id for each in cell.needs)


def _repair(store: Store, id_: str, *, model: bool) -> Iterator[str]:
    folder = store.cell(id_)
    folder.sweep()
    if not any(damaged(folder, model=model)):
        return
    taken = lease.claim(store.lease(id_))
    if taken is None:
        return  # who runs it is writing to it
    try:
        for path, reason in list(damaged(folder, model=model)):  # again, now that nobody else writes
            store.copies.changing(id_)
            if aside := set_aside(path):
                yield f"{path}: {reason}; set aside as {aside.name}, its cell runs again."
    finally:
        taken.release()


def damaged(folder: CellFolder, *, model: bool = False) -> Iterator[tuple[Path, str]]:
    """The damaged files of a cell with what is wrong, each with those that are worth nothing without it.

    Of large files only the size is looked at, their content when they are used: `model` says that its model will be.
    """
    if reason := _unreadable(folder.cell, CELL):
        yield folder.cell, reason
    if reason := _unreadable(folder.start, START):
        yield folder.start, reason
    if model and folder.training.exists() and not folder.model.exists():
        yield folder.training, f"belongs to {folder.model.name}, which is gone"
    yield from _with_its_record(folder.model, folder.training, "model", TRAINING, read=model)
    for record in map(Path, json_files(str(folder.evaluations))):
        yield from _with_its_record(record.with_suffix(".npz"), record, "units", EVALUATION)
    for attempt in map(Path, attempt_files(str(folder.attempts))):
        if reason := _unreadable(attempt, ATTEMPT):
            yield attempt, reason
    if folder.checkpoint.exists() and not zipfile.is_zipfile(folder.checkpoint):
        yield folder.checkpoint, "is damaged (it is cut off)"


def _with_its_record(
    file: Path, record: Path, key: str, shape: Mapping[str, Any], *, read: bool = False
) -> Iterator[tuple[Path, str]]:
    """A large file and the record that holds its seal; each is made anew with the other."""
    try:
        sealed = (read_json(record, shape) or {}).get(key)
    except DamagedError as damage:
        yield record, f"is damaged ({damage.reason})"
        return
    if reason := broken(file, sealed, read=read):
        yield file, f"is damaged ({reason})"
        yield record, f"belongs to {file.name}, which is damaged"


def _unreadable(path: Path, shape: Mapping[str, Any]) -> str | None:
    try:
        read_json(path, shape)
    except DamagedError as damage:
        return f"is damaged ({damage.reason})"
    return None
