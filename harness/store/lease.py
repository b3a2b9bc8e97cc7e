"""Leases: a file says which process runs a cell. It is made atomically, kept fresh, and removed when its owner is dead.

Several runs share a results folder by these files alone, also over NFS. No clock of another machine is trusted, and
not even our own can be set back: an owner on this machine is dead when its process is; one elsewhere, when its file has
not changed for a while of our own time.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from harness.base.atomic_files import make_folder
from harness.base.processes import alive, machine, process_start

BEAT_SECONDS = 10.0  # between two signs of life
STALE = "HARNESS_STALE_SECONDS"


def stale_seconds() -> float:
    """After so long without a sign of life, an owner on another machine is dead."""
    return float(os.environ.get(STALE, "90"))


NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # what a file system says that has no links


class Signs(NamedTuple):
    """What can be seen of a lease: what it says, and when its owner last touched it, as the file system says."""

    content: bytes
    touched: int


@dataclass(frozen=True)
class Lease:
    """The right of this process to run a cell, until it calls `release`."""

    path: Path
    content: bytes
    pid: int

    def beat(self) -> bool:
        """Show that this process is alive. Returns False if the lease is lost because another run considered this owner
        dead.
        """
        try:
            if self.path.read_bytes() != self.content:
                return False
            os.utime(self.path)
        except FileNotFoundError:
            return False
        except OSError as error:  # a file system that does not answer for a moment takes nothing away
            print(f"harness: {self.path}: {error.strerror}", flush=True)
        return True

    def release(self) -> None:
        """Release the cell; may be called more than once. A forked child of the owner does nothing."""
        if os.getpid() == self.pid:
            with suppress(FileNotFoundError):
                if self.path.read_bytes() == self.content:
                    self.path.unlink()


def claim(path: Path, run: str = "", attempt: str = "") -> Lease | None:
    """Take a cell for an attempt of its owner; None if another process has it."""
    pid = os.getpid()
    said = {"host": socket.gethostname(), "machine": machine(), "pid": pid, "began": process_start(pid)}
    content = json.dumps({**said, "run": run, "attempt": attempt}).encode()
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{machine()}-{pid}.tmp")
    temporary.write_bytes(content)
    try:
        os.link(temporary, path)  # fails where there is one, and what others see is whole at once
    except FileExistsError:
        if temporary.stat().st_nlink != 2:  # or it was made, and the answer was lost on the way (NFS)
            return None
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            with path.open("xb") as file:  # others may see it empty for a moment, which they take for a living owner
                file.write(content)
        except FileExistsError:
            return None
    finally:
        temporary.unlink(missing_ok=True)
    return Lease(path, content, pid)


def signs(path: Path) -> Signs | None:
    """Those of a lease; None if there is none. Opening the file makes NFS ask for its latest state."""
    try:
        with path.open("rb") as file:
            return Signs(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return None


def owner(content: bytes) -> dict[str, Any]:
    """Who holds a lease; {} if it cannot be read."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_of(content: bytes, run: str, attempt: int) -> bool:
    """Whether the job that a run made for this attempt holds a lease. Its engine may have started it again, for a
    further attempt; a run makes no second job for a cell before the first has ended."""
    said = owner(content)
    number = str(said.get("attempt", ""))
    return bool(run) and said.get("run") == run and number.isdecimal() and int(number) >= attempt


def new_run() -> str:
    """A name for this process's run, by which others on this machine see whether it lives."""
    return f"{machine()}.{os.getpid()}.{process_start(os.getpid())}.{uuid4().hex[:8]}"


def is_dead_here(content: bytes, run: str = "") -> bool | None:
    """Whether the owner's process has ended; None if it is on another machine.

    While the run that started it lives, only that `run` says so: it knows how the process ended, and records it.
    """
    said = owner(content)
    if said.get("machine") != machine() or type(said.get("pid")) is not int:
        return None
    if alive(said["pid"], str(said.get("began", ""))):
        return False
    started_by = str(said.get("run", ""))
    return started_by == run or not _lives(started_by)


def _lives(run: str) -> bool:
    """Whether the process of a run of this machine runs."""
    where, pid, began, *_ = [*run.split("."), "", "", ""]
    return where == machine() and pid.isdecimal() and len(pid) < 20 and alive(int(pid), began)


class Watch:
    """Tells dead owners from living ones, for one run."""

    def __init__(self, run: str) -> None:
        self.run = run
        self._seen: dict[Path, tuple[Signs, float]] = {}

    def is_dead(self, path: Path, now: Signs) -> bool:
        here = is_dead_here(now.content, self.run)
        if here is not None:
            return here
        before, since = self._seen.get(path, (None, 0.0))
        if before != now:
            self._seen[path] = (now, time.monotonic())
            return False
        return time.monotonic() - since > stale_seconds()


def bury(path: Path, content: bytes) -> bool:
    """Remove the lease of a dead owner, if the lease is still that owner's. Of several runs that try, one succeeds.

    A lock is needed because between looking and removing, another run may have removed it and a third claimed the cell.
    """
    with _lock(path.parent / ".lock"):
        found = signs(path)
        if found is None or found.content != content:
            return False
        path.unlink()
        return True


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """A lock between processes; the system releases it for one that dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with suppress(OSError):  # a file system without locks: what is left is a race of a few microseconds
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
