"""What runs on a node of the cluster: a process for a job, started and watched by a task in a Ray worker.

python -m harness_ray.cell PATH ID ...      is `harness PATH ID ...`, and ends with the worker that started it
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from harness.executor import GRACE_SECONDS, run_job

POLL_SECONDS = 0.05


def work(command: list[str], log: str, folder: str, environment: Mapping[str, str]) -> int:
    """A task: runs `harness` with these arguments in a process of its own; its exit code, for a signal negative.

    `ray.cancel` asks the process to stop, a second time it kills it. `folder`: where relative paths begin.
    """
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))  # that is how Ray cancels a task
    try:
        Path(folder, log).parent.mkdir(parents=True, exist_ok=True)
        with Path(folder, log).open("a") as file:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "harness_ray.cell", *command],
                stdin=subprocess.PIPE,  # closed when this worker ends, however it does
                stdout=file,
                stderr=file,
                cwd=folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        code = _watch(process, asked)
    finally:
        signal.signal(signal.SIGINT, before)
    _kill(process)  # what it has left
    return code


def _watch(process: subprocess.Popen[bytes], asked: list[int]) -> int:
    """Its exit code, once it has ended by itself or as it was asked to."""
    deadline = None
    while process.poll() is None:
        if asked and deadline is None:
            process.terminate()
            deadline = time.monotonic() + GRACE_SECONDS + 2
        if len(asked) > 1 or (deadline is not None and time.monotonic() > deadline):
            _kill(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
    return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the processes of its group, itself among them."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def main() -> int:
    """The life of a job's process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # Ray's workers block it
    threading.Thread(target=_end_with_worker, daemon=True).start()
    return run_job(sys.argv[1:])


def _end_with_worker() -> None:
    """Stop as if asked to, once the worker is gone: also before the job's own supervisor can notice."""
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
