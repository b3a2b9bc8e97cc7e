"""Copies the small JSON files of finished cells into one file, for fast reading of all cells of a folder.

leases/compacted/<n>/cells.json   copies of the records of some cells; of several of one cell the last counts
leases/compacted/changed/<id>     this cell may be another since it was copied: its own files are read

The cells' own files stay: whoever removes the copies loses nothing but time. Whoever is about to write to a cell's
folder says so first (`changing`). Copies are made under the cell's lease, and only then is `changed` taken back. What
an NFS client has cached of the folder it sees for some seconds more, as with the cells' own folders.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from harness.base.atomic_files import DamagedError, broken, set_aside, sync, write_json
from harness.store import lease
from harness.store.cell_folder import CellFolder
from harness.store.packing import pack, unpack
from harness.store.records import CellRecord
from harness.store.schemas import Report, read_record, warn


@dataclass(frozen=True)
class _Held:
    """A cell that is being copied, and what was said of its having changed."""

    lease: lease.Lease
    record: CellRecord
    said: str | None


class Copies:
    """The copies of one results folder. Files that were read stay in memory, as they never change."""

    def __init__(self, leases: Path) -> None:
        self.leases = leases
        self.folder = leases / "compacted"
        self.changed = self.folder / "changed"
        self._read: dict[tuple[Path, int, int], dict[str, CellRecord]] = {}

    def valid(self, report: Report = warn) -> Mapping[str, CellRecord]:
        """By id, the records of the cells whose own files need not be read. If a file of copies is damaged there are
        none: an older copy may be in another."""
        changed = set(_names(self.changed))  # before the copies: what was copied meanwhile is as good as new
        found: dict[str, CellRecord] = {}
        try:
            for path in self.files():
                found |= self._records(path)
        except DamagedError as damage:
            report(damage)
            return {}
        return {id_: record for id_, record in found.items() if id_ not in changed}

    def files(self) -> list[Path]:
        """In the order in which they were made."""
        numbers = sorted(int(name) for name in _names(self.folder) if name.isdecimal() and len(name) < 10)
        return [self.folder / f"{number:06}" / "cells.json" for number in numbers]

    def _records(self, path: Path) -> dict[str, CellRecord]:
        try:
            found = path.stat()
        except FileNotFoundError:  # is being made, or who made it was killed
            return {}
        key = (path, found.st_mtime_ns, found.st_size)
        if key not in self._read:
            self._read[key] = unpack(path)
        return self._read[key]

    def changing(self, id_: str) -> None:
        """Say that a cell's own files count from now on; to be called again after a change that no lease covers."""
        if not self.folder.exists():
            return  # nothing was ever copied
        with suppress(FileNotFoundError):  # all copies were set aside just now
            self.changed.mkdir(exist_ok=True)
            (self.changed / id_).write_text(uuid4().hex)  # another text each time, for whoever copies it just now
            sync(self.changed)

    def repair(self) -> Iterator[str]:
        """Set all copies aside if a file of them is damaged, and say so."""
        damages: list[DamagedError] = []
        self.valid(damages.append)
        for damage in damages:
            if aside := set_aside(self.folder):
                what = f"all copies are set aside as {aside.name}, no cell is lost."
                yield f"{damage.path}: is damaged ({damage.reason}); {what}"

    def _said(self, id_: str) -> str | None:
        try:
            return (self.changed / id_).read_text()
        except FileNotFoundError:
            return None

    def compact(self, cells: Path) -> Iterator[int]:
        """Copy the cells that are finished, are not held by any process, and have no valid copy; how many at a time."""
        self.changed.mkdir(parents=True, exist_ok=True)
        left = iter(sorted(set(_names(cells)) - set(self.valid())))
        while True:
            with ExitStack() as stack:
                held = dict(self._hold(left, cells, stack))
                if not held:
                    break
                self._write({id_: each.record for id_, each in held.items()})
                for id_, each in held.items():
                    if not each.lease.beat():  # taken for dead: somebody else may have changed it, and copied it anew
                        self.changing(id_)
                    elif each.said is not None and self._said(id_) == each.said:  # and not of a change meanwhile
                        (self.changed / id_).unlink(missing_ok=True)
            yield len(held)
        with suppress(DamagedError):  # then readers use no copies at all, until it is repaired
            self._drop()

    def _drop(self) -> None:
        """Remove the files of which each cell has a later copy. Who misses one that it has just listed reads the cells'
        own files."""
        later: set[str] = set()
        for path in reversed(self.files()):
            cells = self._records(path).keys()
            if cells and cells <= later:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # another process has done so
                    path.parent.rmdir()
            later |= cells

    def _hold(self, left: Iterator[str], cells: Path, stack: ExitStack) -> Iterator[tuple[str, _Held]]:
        """The next cells that can be copied, for as long as leases stay fresh."""
        until = time.monotonic() + lease.stale_seconds() / 5  # cells are held meanwhile, and a lease goes stale
        for id_ in left:
            taken = lease.claim(self.leases / f"{id_}.json")
            if taken is None:
                continue
            stack.callback(taken.release)
            said = self._said(id_)  # before its files are read
            record = finished(CellFolder(cells / id_))
            if record is None:
                taken.release()
            else:
                yield id_, _Held(taken, record, said)
            if time.monotonic() > until:
                return

    def _write(self, records: Mapping[str, CellRecord]) -> None:
        number = max((int(path.parent.name) for path in self.files()), default=0) + 1
        while True:
            folder = self.folder / f"{number:06}"
            self.changed.mkdir(parents=True, exist_ok=True)  # somebody may have set all aside
            try:
                folder.mkdir()  # of several processes, one makes it
                break
            except FileExistsError:
                number += 1
        write_json(folder / "cells.json", pack(records), indent=None)
        sync(self.folder)


def finished(folder: CellFolder) -> CellRecord | None:
    """The record of a cell that is trained, whose last attempt ended well, and of which nothing is damaged."""
    damages: list[DamagedError] = []
    record = read_record(str(folder.folder), damages.append)
    if damages or record is None or record.training is None or record.failure or folder.checkpoint.exists():
        return None
    sealed = [(folder.model, record.training.get("model"))]
    sealed += [
        (folder.evaluation(id_).with_suffix(".npz"), each.get("units")) for id_, each in record.evaluations.items()
    ]
    return None if any(broken(path, seal) for path, seal in sealed) else record


def _names(folder: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)  # noqa: PTH208 (as in reading.py)
    return []
