"""Processes of this machine: whether one is alive, when it started, and how much memory it holds."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """8 hexadecimal digits that identify host, boot and container, within which process numbers are comparable."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # not Linux
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def process_start(pid: int) -> str:
    """Return when a process started, to tell it from a later process with the same number.

    Args:
        pid: Number of the process.

    Returns:
        The start time as the system counts it; "" where it cannot be read.
    """
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 else ""


def alive(pid: int, began: str = "") -> bool:
    """Check whether a process of this machine is running.

    Args:
        pid: Number of the process.
        began: What `process_start` returned for it; "" to accept any process with this number.

    Returns:
        Whether it is running; False for a zombie.
    """
    if pid <= 0:  # stands for whole groups of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # a damaged lease may hold a number that no process has
        return False
    except PermissionError:
        pass  # another user's
    fields = _fields(pid)
    if fields and fields[0] in "ZX":  # dead, only nobody has asked for its exit code
        return False
    return not (began and len(fields) > 19) or fields[19] == began


def group_memory(group: int) -> int:
    """Resident memory of all processes of a group, in bytes."""
    import psutil  # not for `harness --help`

    held = 0
    with suppress(OSError):  # no descriptor is left to look with
        for pid in psutil.pids():
            with suppress(OSError, psutil.Error):  # it has just ended
                if os.getpgid(pid) == group:
                    held += psutil.Process(pid).memory_info().rss
    return held


def oom_kills() -> int:
    """How many processes of this control group the kernel has killed for lack of memory; 0 where it does not say."""
    for file in _memory_files():
        with suppress(OSError, ValueError):
            for line in file.read_text().splitlines():
                key, _, number = line.partition(" ")
                if key == "oom_kill":
                    return int(number)
    return 0


def _memory_files() -> list[Path]:
    """The kernel's files with this counter: version 2 of control groups, then version 1; as the host or a container
    sees them.
    """
    root, files = Path("/sys/fs/cgroup"), []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                files += [root / path.strip("/") / "memory.events", root / "memory.events"]
            elif "memory" in controllers.split(","):
                v1 = root / "memory"
                files += [v1 / path.strip("/") / "memory.oom_control", v1 / "memory.oom_control"]
    return files


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty if there is no such process or no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
