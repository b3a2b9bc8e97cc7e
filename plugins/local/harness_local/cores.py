"""How many cores and threads this process may use."""

from __future__ import annotations

import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Those that the scheduler gives this process, or fewer where its control group has a quota of time, as containers
    have."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([given, *(max(1, int(quota)) for quota in quotas())])


def quotas() -> list[float]:
    """In cores, of this process's control group and of those that it is in (cgroup version 2)."""
    try:
        lines = OWN_GROUP.read_text().splitlines()
    except OSError:
        return []
    inside = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "/").lstrip("/")
    found = []
    for group in (Path(inside), *Path(inside).parents):
        try:
            quota, period = (GROUPS / group / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if quota != "max":
            found.append(int(quota) / int(period))
    return found


def threads_of(cores: int, workers: int) -> int:
    """Of a worker: its share of the cores, or what OMP_NUM_THREADS says, as for every program that computes."""
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(said) if said.isdecimal() and int(said) else max(1, cores // workers)
