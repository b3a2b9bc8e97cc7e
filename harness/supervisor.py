"""A job in a process group of its own, watched by a small process that outlives it: the supervisor.

It holds the job to its limits, passes on that it is to stop, and says how it ended, also when the job can say nothing
itself because it hangs in foreign code or was killed. Being part of the job, it works under every executor.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness import interruption
from harness.lease import BEAT_SECONDS
from harness.outcome import MESSAGE_CHARACTERS, Outcome, by_exit, last_words
from harness.processes import group_memory, oom_kills

GRACE_SECONDS = 8.0  # between asking a job to stop and killing it
POLL_SECONDS = 0.25
GIGABYTE = 10**9
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Limits:
    """What a job may take; None: as much as there is."""

    seconds: float | None = None
    gigabytes: float | None = None

    def arguments(self) -> list[str]:
        """As `harness cell` takes them."""
        seconds = [] if self.seconds is None else ["--timeout", str(self.seconds)]
        return seconds + ([] if self.gigabytes is None else ["--memory", str(self.gigabytes)])


def supervise(
    work: Callable[[], Outcome],
    limits: Limits | None = None,
    beat: Callable[[], bool] = lambda: True,
    log: Path | None = None,
) -> Outcome:
    """Let a child do the work and say how it ended. `beat` is called now and then; the job must stop if it is False.
    `log`: what the child prints, whose last words count if it says nothing else.

    In the child this does not return but exits.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    mouth, alive = os.pipe(), os.pipe()  # what the child says of its end; and a pipe that closes when we die
    kills = oom_kills()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # until each has its own handlers
    child = os.fork()
    if child == 0:
        os.close(mouth[0])
        os.close(alive[1])
        sys.exit(_be_the_job(work, mouth[1], alive[0], os.getppid()))
    os.close(mouth[1])
    os.close(alive[0])
    with suppress(OSError):  # whichever of both is first; the child may have ended, too
        os.setpgid(child, child)
    code, reason = _Watcher(child, limits or Limits(), beat).watch()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # whatever it started and left
    os.set_blocking(mouth[0], False)
    said = _heard(mouth[0])
    os.close(mouth[0])
    os.close(alive[1])
    if said and said.status == "ok":
        return said
    ended = said or by_exit(code, last_words(log) if log else "")
    if reason is not None:
        message = f"{reason.message}; {said.message}" if said and said.message else reason.message
        return replace(ended, status=reason.status, message=message)
    if code == -signal.SIGKILL and oom_kills() > kills:
        return replace(ended, status="oom", message="the system ran out of memory and killed it")
    return ended


def _be_the_job(work: Callable[[], Outcome], mouth: int, supervised: int, supervisor: int) -> int:
    os.setpgid(0, 0)
    interruption.listen()
    threading.Thread(target=_end_with, args=(supervised,), daemon=True).start()
    if sys.platform.startswith("linux"):  # for a job that hangs so that no thread of it runs
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):  # where memory runs out, let the kernel end the job rather than those who will tell
            Path("/proc/self/oom_score_adj").write_text("500")
    if os.getppid() != supervisor:
        return 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        outcome = work()
    except interruption.Interrupted as stopped:
        outcome = Outcome("interrupted", str(stopped), None, 1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    outcome = replace(outcome, message=outcome.message[:MESSAGE_CHARACTERS])
    os.write(mouth, json.dumps(asdict(outcome)).encode())  # fits into a pipe, so it cannot wait
    return outcome.exit_code


def _end_with(supervised: int) -> None:
    """Wait for the end of the supervisor, then end this whole group."""
    os.read(supervised, 1)
    os.killpg(0, signal.SIGKILL)


def _heard(mouth: int) -> Outcome | None:
    try:
        return Outcome(**json.loads(os.read(mouth, 1 << 16)))
    except (BlockingIOError, ValueError, TypeError):  # it was killed before it could speak
        return None


class _Watcher:
    """Waits for the end of a job, and ends it when there is a reason."""

    def __init__(self, child: int, limits: Limits, beat: Callable[[], bool]) -> None:
        self.child = child
        self.limits = limits
        self.beat = beat
        self.told: int | None = None
        self.started = self.beaten = time.monotonic()
        self.run = multiprocessing.parent_process()  # None if not started through multiprocessing
        self.parent = os.getppid()

    def watch(self) -> tuple[int, Outcome | None]:
        """The job's exit code, and why it was ended, if it was."""
        wake = self._wake_up()
        reason, kill_at = None, 0.0
        while not (ended := os.waitpid(self.child, os.WNOHANG))[0]:
            select.select([wake], [], [], POLL_SECONDS)
            with suppress(BlockingIOError):
                os.read(wake, 4096)
            if reason is None:
                reason = self._reason()
                if reason is not None:
                    print(f"harness: {reason.message}", file=sys.stderr, flush=True)
                    kill_at = time.monotonic() + (0 if reason.status == "oom" else GRACE_SECONDS)
                    self._signal(signal.SIGTERM)
            if reason is not None and time.monotonic() >= kill_at:
                self._signal(signal.SIGKILL)
        return os.waitstatus_to_exitcode(ended[1]), reason

    def _wake_up(self) -> int:
        """The end of a pipe that signals write to: that of a child's death, too."""
        wake, woken = os.pipe()
        for end in (wake, woken):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        return wake

    def _tell(self, number: int, _frame: object) -> None:
        self.told = number

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, number)

    def _reason(self) -> Outcome | None:
        """Why the job must end now, if it must."""
        now = time.monotonic()
        if self.told is not None:
            return Outcome("interrupted", f"ended by {signal.Signals(self.told).name}")
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
        """Whether who started this job is gone. A fork server may die without harm, so its client is looked at."""
        return not self.run.is_alive() if self.run is not None else os.getppid() != self.parent

    def _too_large(self) -> Outcome | None:
        """Memory is looked at, not limited by the system: RLIMIT_AS counts the address space that CUDA reserves, which
        is many times what it uses; RLIMIT_DATA does not count shared memory nor add up a job's processes."""
        if self.limits.gigabytes is None:
            return None
        held = group_memory(self.child) / GIGABYTE
        if held <= self.limits.gigabytes:
            return None
        return Outcome("oom", f"held {held:.2f} GB of memory, more than --memory {self.limits.gigabytes:g}")
