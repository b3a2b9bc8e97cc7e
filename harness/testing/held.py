"""A job that runs until it is released: its plan is a named pipe."""

from __future__ import annotations

import os
import subprocess
import time
from glob import glob
from pathlib import Path
from types import TracebackType

from harness.plugins.executors import Job
from harness.running.job_command import CELL

PATIENCE = 60.0  # seconds until a job that does nothing must have begun, or ended


class HeldJob:
    """Waits for its plan. Let go, it finds that it is none and ends with 2."""

    def __init__(self, folder: Path, name: str) -> None:
        self.pipe = folder.resolve() / f"{name}.jsonl"  # as the system names it
        os.mkfifo(self.pipe)
        self.job = Job(name, (CELL, str(self.pipe), "id", "--attempt", "1"), str(folder / f"{name}.log"))
        self._end: int | None = None

    def __enter__(self) -> HeldJob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def runs(self) -> bool:
        """Whether it has begun to read."""
        if self._end is None:
            try:
                self._end = os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads
                return False
        return True

    def lives(self) -> bool:
        """Whether it still reads."""
        if self._end is None:
            return False
        try:
            os.write(self._end, b" ")
        except BrokenPipeError:
            return False
        return True

    def pid(self) -> int | None:
        """Who reads, in another process than this one. It may take a moment until the system shows it."""
        deadline = time.monotonic() + PATIENCE
        while not (readers := self._readers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return next((reader for reader in readers if reader != os.getpid()), None)

    def _readers(self) -> list[int]:
        """The processes that have opened it, less this one's own end."""
        if Path("/proc/self/fd").exists():
            # Path.glob raises where a process ends meanwhile, glob does not
            descriptors = [Path(each) for each in glob("/proc/[0-9]*/fd/*") if _leads_to(Path(each), self.pipe)]  # noqa: PTH207
            own = Path(f"/proc/{os.getpid()}/fd/{self._end}")
            return [int(each.parts[2]) for each in descriptors if each != own]
        listed = subprocess.run(["lsof", "-t", str(self.pipe)], capture_output=True, text=True, check=False)
        return [reader for reader in map(int, listed.stdout.split()) if reader != os.getpid()]

    def release(self) -> None:
        """Let it end."""
        if self._end is not None:
            os.close(self._end)
            self._end = None


def _leads_to(descriptor: Path, pipe: Path) -> bool:
    try:
        return descriptor.readlink() == pipe
    except OSError:  # another user's, or closed meanwhile
        return False
