"""Calls to the file system, counted and slowed by a preloaded library (metadata.c), and times."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parent / "metadata.c"


class Timer:
    """Wall and CPU seconds of what is done inside, and how many leases were got."""

    got = 0

    def __enter__(self) -> Timer:
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu

    def as_json(self) -> dict[str, float]:
        return {"wall": self.wall, "cpu": self.cpu, "got": self.got}


def preload(results: Path, counts: Path, pause: int) -> dict[str, str]:
    library = Path(tempfile.gettempdir()) / "harness-perf-metadata.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    names = {"LD_PRELOAD": str(library), "SCALE_PREFIX": str(results), "SCALE_COUNTS": str(counts)}
    return names | {"SCALE_MICROSECONDS": str(pause)}


def read_counts(file: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        kind, number = line.split()
        counts[kind] += int(number)
    return dict(counts)
