"""Supervises a job from a thread of its own process: enforces its limits and records how it ended.

As a part of the job, it works under every executor and on every host. A separate process could also watch a job that
never lets another thread run, but forking a process that has loaded torch takes as long as all other overhead of a
small cell. For such a job, the system's timer is set as well.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.base import stop_signal
from harness.base.outcome import Outcome
from harness.base.processes import group_memory
from harness.store.lease import BEAT_SECONDS

GRACE_SECONDS = 8.0
"""Seconds between asking a job to stop and killing it. An executor should wait a few seconds longer."""
POLL_SECONDS = 0.25
GIGABYTE = 10**9
LONGEST_SECONDS = 1e9  # that the system's timer is given; some thirty years


@dataclass(frozen=True)
class Limits:
    """Limits of a cell; None for no limit.

    Attributes:
        seconds: Time in seconds.
        gigabytes: Memory in GB, of all processes of the cell.
    """

    seconds: float | None = None
    gigabytes: float | None = None


def supervise(
    work: Callable[[], Outcome],
    limits: Limits | None = None,
    beat: Callable[[], bool] = lambda: True,
    conclude: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """Do the work under supervision and return how it ended.

    `beat` is called regularly; if it returns False, the job must stop. `conclude` is called once with the outcome,
    before this returns or the process is killed.
    """
    faulthandler.enable(2, all_threads=False)  # a crash of compiled code leaves the line of Python in the log
    with suppress(OSError):  # it leads a session already
        os.setpgid(0, 0)
    with suppress(OSError):  # where memory runs out, let the kernel end the job rather than the run that tells of it
        Path("/proc/self/oom_score_adj").write_text("500")
    watcher = _Watcher(limits or Limits(), beat, conclude)
    watcher.start()
    try:
        told = work()
        stop_signal.ignore()
    except stop_signal.Interrupted as stopped:
        told = Outcome("interrupted", str(stopped), None, 1)
    except SystemExit as left:  # or its exit code would be taken for one of ours
        told = Outcome("failed", f"it called sys.exit({left.code!r})", None, 1)
    return watcher.end(told)


class _Watcher(threading.Thread):
    """Ends the job when there is a reason: first by SIGTERM, then by SIGKILL."""

    def __init__(self, limits: Limits, beat: Callable[[], bool], conclude: Callable[[Outcome], None]) -> None:
        super().__init__(daemon=True)
        self.limits = limits
        self.beat = beat
        self.conclude = conclude
        self.concluding = threading.Lock()
        self.over = threading.Event()
        self.reason: Outcome | None = None
        self.started = self.beaten = time.monotonic()
        self.run_process = multiprocessing.parent_process()  # None if not started through multiprocessing
        self.parent = os.getppid()
        self.signals = stop_signal.listen()
        if limits.seconds is not None:  # ends a job that never lets this thread run
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, min(limits.seconds + 2 * GRACE_SECONDS, LONGEST_SECONDS))

    def run(self) -> None:
        try:
            self._watch()
        finally:  # whatever went wrong here: nobody else would end it
            time.sleep(GRACE_SECONDS)  # a process that is not gone by then waits for one that it started
            os.killpg(0, signal.SIGKILL)

    def _watch(self) -> None:
        """Wait until the job is over, or end it. Raises errors of `conclude`, such as a full disk."""
        while self.reason is None and not self.over.is_set():
            ready = select.select([self.signals], [], [], POLL_SECONDS)[0]
            self.reason = self._reason(os.read(self.signals, 64) if ready else b"")
        if self.reason is not None and not self.over.is_set():
            with suppress(OSError):  # its log cannot be written, but it must end
                print(f"harness: {self.reason.message}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGTERM)
            if self.reason.status != "oom":  # to save a checkpoint would take still more memory
                self.over.wait(GRACE_SECONDS)
            if not self.concluding.acquire(timeout=GRACE_SECONDS):
                return  # the job says so itself, on a disk that does not answer
            try:
                if not self.over.is_set():
                    self.conclude(replace(self.reason, signal="SIGKILL", exit_code=128 + signal.SIGKILL))
                    faulthandler.dump_traceback()  # where it hangs
                    os.killpg(0, signal.SIGKILL)
            finally:
                self.concluding.release()

    def end(self, told: Outcome) -> Outcome:
        """Called when the job has ended by itself or as it was asked to; returns the final outcome."""
        stop_signal.ignore()
        with self.concluding:
            reason = self.reason
            if reason is not None and told.status != "ok":
                message = "; ".join(filter(None, [reason.message, told.message]))
                told = replace(told, status=reason.status, message=message)
            try:
                self.conclude(told)
            finally:
                self.over.set()  # not before: a slow disk takes its time
        return told

    def _reason(self, signals: bytes) -> Outcome | None:
        """Why the job must end now, if it must."""
        now = time.monotonic()
        for number in signals:
            if number in (signal.SIGTERM, signal.SIGINT):
                return Outcome("interrupted", f"ended by {signal.Signals(number).name}")
        if self._orphaned():
            return Outcome("interrupted", "its run died")
        if self.limits.seconds is not None and now - self.started > self.limits.seconds:
            return Outcome("timeout", f"took longer than {self.limits.seconds:g} s")
        if now - self.beaten > BEAT_SECONDS:
            self.beaten = now
            if not self.beat():
                return Outcome("interrupted", "its lease is gone: another run took it for dead")
        return self._too_large()

    def _orphaned(self) -> bool:
        """Whether the process that started this job is gone. For a job of a fork server, this is the client of the
        server.
        """
        return not self.run_process.is_alive() if self.run_process is not None else os.getppid() != self.parent

    def _too_large(self) -> Outcome | None:
        """Memory is measured, not limited by the system: RLIMIT_AS counts the address space that CUDA reserves, many
        times what it uses; RLIMIT_DATA neither counts shared memory nor sums over a job's processes.
        """
        if self.limits.gigabytes is None:
            return None
        held = group_memory(os.getpgrp()) / GIGABYTE
        if held <= self.limits.gigabytes:
            return None
        return Outcome("oom", f"held {held:.2f} GB of memory, more than --memory {self.limits.gigabytes:g}")
