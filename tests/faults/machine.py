"""What can be done to the machine under test: a clock that jumps and a disk that fills up; and which of its processes
are ours."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import signal
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

MARK = "HARNESS_FAULTS"  # in the environment of every process of a run, inherited by all that it starts
SHIM = Path(__file__).with_name("shim.c")
TMPFS_MB = 256


class Shim:
    """A library to preload, compiled by the system's C compiler, which a mapped file controls."""

    def __init__(self, folder: Path, disk: Path) -> None:
        compiler = shutil.which("cc")
        self.library = folder / "shim.so"
        self.file = folder / "control"
        self.file.write_bytes(struct.pack("qq", 0, -1))
        with self.file.open("r+b") as opened:
            self.mapped = mmap.mmap(opened.fileno(), 16)
        self.disk = disk
        self.works = (
            bool(compiler)
            and not subprocess.run(
                [str(compiler), "-O1", "-shared", "-fPIC", "-o", str(self.library), str(SHIM), "-ldl"],
                capture_output=True,
                check=False,
            ).returncode
        )

    @property
    def environment(self) -> dict[str, str]:
        if not self.works:
            return {}
        library = os.pathsep.join(filter(None, [str(self.library), os.environ.get("LD_PRELOAD", "")]))
        return {"LD_PRELOAD": library, "FAULTS_CONTROL": str(self.file), "FAULTS_FOLDER": str(self.disk)}

    def set_clock(self, seconds: int) -> None:
        self.mapped[:8] = struct.pack("q", seconds)

    def set_room(self, number: int) -> None:
        self.mapped[8:] = struct.pack("q", number)


class Disk(Protocol):
    """Where results are, which can be full but for some bytes."""

    name: str
    folder: Path

    def fill(self, room: int) -> None: ...
    def empty(self) -> None: ...
    def close(self) -> None: ...


class Tmpfs:
    """A small file system in memory, filled up by a file of our own."""

    name = f"a tmpfs of {TMPFS_MB} MB, filled by a file"

    def __init__(self, folder: Path) -> None:
        """Raises OSError where mounting is not allowed."""
        self.folder = folder
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "none", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr.decode(errors="replace"))

    def fill(self, room: int) -> None:
        status = os.statvfs(self.folder)
        size = max(0, status.f_bavail * status.f_frsize - room)
        with (self.folder / "ballast").open("wb") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, size)

    def empty(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class ShimDisk:
    """A folder; the preloaded library refuses what is written beyond the room that is left."""

    name = "write() of a preloaded library that fails with ENOSPC"

    def __init__(self, shim: Shim) -> None:
        self.shim = shim
        self.folder = shim.disk
        self.folder.mkdir(exist_ok=True)

    def fill(self, room: int) -> None:
        self.shim.set_room(room)

    def empty(self) -> None:
        self.shim.set_room(-1)

    def close(self) -> None:
        self.empty()


def disk_for(folder: Path, shim: Shim) -> Disk:
    """A tmpfs where mounting is allowed, else the preloaded library's."""
    try:
        return Tmpfs(folder)
    except OSError:
        return ShimDisk(shim)


Role = Literal["run", "server", "worker", "other"]


@dataclass(frozen=True)
class Process:
    """A living process of a run: `harness run` itself, the fork server, one forked from it, or another helper."""

    pid: int
    parent: int
    role: Role


def processes(mark: str) -> list[Process]:
    """All living processes whose mark begins so, whoever their parent is by now."""
    found: dict[int, tuple[int, str]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                environment = Path(entry.path, "environ").read_bytes()
                if b"\0%s=%s" % (MARK.encode(), mark.encode()) in b"\0" + environment:
                    parent = int(Path(entry.path, "stat").read_text().rpartition(")")[2].split()[1])
                    command = Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(entry.name)] = parent, command
    return [Process(pid, parent, _role(found, pid)) for pid, (parent, _) in found.items()]


def _role(found: dict[int, tuple[int, str]], pid: int) -> Role:
    parent, command = found[pid]
    if "multiprocessing.forkserver" in command:
        forked = parent not in found or "multiprocessing.forkserver" in found[parent][1]
        return "worker" if forked else "server"
    return "run" if "-m harness run" in command else "other"


def kill(process: Process) -> bool:
    """Whether it was still there to be killed."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
