"""Runs jobs on this machine, from a queue."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import util
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType

from harness import UsageError
from harness.executor import (
    GRACE_SECONDS,
    Capabilities,
    Ended,
    Executor,
    Job,
    Resources,
    alive,
    process_start,
    safe_path,
)
from harness_local import LocalConfig
from harness_local.cores import threads_of, usable_cores

NO_SOCKETS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)  # what a file system says that has none
LONGEST = 70  # bytes of a temporary folder in which the path of a socket, of 107 at most, has room
STARTS = 5  # of the fork server, before a run gives up
LOST = 255  # the exit code that multiprocessing gives a process whose fork server died


@dataclass(frozen=True)
class Slot:
    """A place for one job: a device, the GPU it may see, and its share of the processor's cores."""

    device: str
    gpu: str | None
    threads: int


def joined(slots: Sequence[Slot]) -> Slot:
    """Several places as one, for a job with as many devices."""
    gpus = [slot.gpu for slot in slots if slot.gpu is not None]
    return Slot(slots[0].device, ",".join(gpus) if gpus else None, sum(slot.threads for slot in slots))


@dataclass(frozen=True)
class Started:
    """A job's process in its slots; `began` tells it from a later one with its number."""

    process: ForkServerProcess
    slots: Sequence[Slot]
    began: str

    def watched(self) -> bool:
        """Whether the fork server, which lives, will tell when it ends."""
        return self.process.exitcode is None

    def ended(self) -> bool:
        return not self.watched() and not (self.process.exitcode == LOST and self._lives())

    def ask(self) -> None:
        """Tell it to stop; what it has started is its own to stop."""
        with contextlib.suppress(ProcessLookupError):
            if self._lives():
                os.kill(self.process.pid or 0, signal.SIGTERM)

    def kill(self) -> None:
        """End it, if it lives, and all that it has started."""
        pid = self.process.pid or 0
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._lives():
                os.kill(pid, signal.SIGKILL)  # in case it leads no group yet
            os.killpg(pid, signal.SIGKILL)

    def _lives(self) -> bool:
        return alive(self.process.pid or 0, self.began)


class Local(Executor):
    """Each job runs in a process of its own session. Jobs outlive the fork server, which may be restarted."""

    def __init__(self, config: LocalConfig, resources: Resources) -> None:
        super().__init__(config, resources)
        self.slots = slots(resources, config.workers_per_gpu)
        self.free = deque(self.slots)
        gpus = {slot.gpu for slot in self.slots if slot.gpu is not None}
        self.capabilities = Capabilities(devices=len(gpus) or None, threads=True)
        self.capacity = 2 * len(self.free)  # one waits for each that runs, so that no slot has to
        self.waiting: deque[Job] = deque()
        self.running: dict[str, Started] = {}
        os.environ["HARNESS_PRELOAD"] = ",".join(resources.modules)
        make_room_for_sockets()
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["harness_local.preload"])

    def submit(self, job: Job) -> None:
        self.waiting.append(job)
        self._start()

    def poll(self, timeout: float) -> list[Ended]:
        sentinels = [job.process.sentinel for job in self.running.values() if job.watched()]
        if sentinels:
            wait(sentinels, timeout)
        else:
            time.sleep(timeout)
        ended = []
        for name, job in list(self.running.items()):
            if job.ended():
                job.kill()  # what it has left
                del self.running[name]
                self.free.extend(job.slots)
                ended.append(Ended(name, job.process.exitcode or 0))
        self._start()
        return ended

    def cancel(self) -> None:
        self.waiting.clear()
        for job in self.running.values():
            job.ask()
        self._await(GRACE_SECONDS + 4)
        self.kill()

    def kill(self) -> None:
        self.waiting.clear()
        for job in self.running.values():
            job.kill()
        self._await(10)
        self.running.clear()

    def close(self) -> None:
        self.kill()

    def _await(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(not job.ended() for job in self.running.values()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _start(self) -> None:
        while self.waiting and (taken := self._room(self.waiting[0].devices)):
            job = self.waiting.popleft()
            for slot in taken:
                self.free.remove(slot)
            process = self._fork(job, joined(taken))
            self.running[job.name] = Started(process, taken, process_start(process.pid or 0))

    def _room(self, devices: int) -> list[Slot]:
        """Free slots for so many devices, or none: a GPU for each; on a CPU, processes share what there is."""
        found = list(self.free)
        if self.slots[0].gpu is None:
            devices = min(devices, len(self.slots))
        else:
            found = list({slot.gpu: slot for slot in reversed(found)}.values())
        return found[:devices] if len(found) >= devices else []

    def _fork(self, job: Job, slot: Slot) -> ForkServerProcess:
        for number in range(STARTS):
            process = self.context.Process(target=work, args=(job, slot), name=job.name)
            try:
                with (
                    safe_path(),
                    no_main(),
                ):  # of the fork server, if it is not there yet; jobs have this process's own path
                    process.start()
            except (EOFError, ConnectionError):  # the server died, perhaps of a component that it loaded ahead
                os.environ["HARNESS_PRELOAD"] = ""
                time.sleep(0.2 * (number + 1))  # one that was killed refuses connections before it counts as dead
            except OSError as error:
                if error.errno not in NO_SOCKETS:
                    raise
                place = Path(util.get_temp_dir()).parent
                raise UsageError(
                    f"cells are started through a socket, which {place} cannot have ({error.strerror}): "
                    "set TMPDIR to a folder on a disk of this machine."
                ) from error
            else:
                return process
        raise UsageError(f"the process that starts the cells died {STARTS} times in a row; is there enough memory?")


@contextlib.contextmanager
def no_main() -> Iterator[None]:
    """Processes that multiprocessing starts inside do not run the script again that this process runs: a job needs
    nothing of it, and a script that calls `harness.run` would do so in every job."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def make_room_for_sockets() -> None:
    """Let multiprocessing keep its sockets in /tmp, where the temporary folder's path is too long for them."""
    if len(os.fsencode(tempfile.gettempdir())) <= LONGEST:
        return
    before, tempfile.tempdir = tempfile.tempdir, "/tmp"
    try:
        util.get_temp_dir()  # made once, and kept to the end of this process
    except OSError as error:
        raise UsageError(
            f"the temporary folder {before} has too long a path for a socket, and /tmp cannot be written "
            f"({error.strerror}): set TMPDIR to a shorter one."
        ) from error
    finally:
        tempfile.tempdir = before


def work(job: Job, slot: Slot) -> None:
    """The life of a job's process: the same command line that any other executor would run."""
    os.setsid()
    Path(job.log).parent.mkdir(parents=True, exist_ok=True)  # as it waited, another run may have forgotten its cell
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if slot.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = slot.gpu
    from harness.executor import run_job

    sys.exit(run_job([*job.command, "--device", slot.device, "--threads", str(slot.threads)]))


def slots(resources: Resources, workers_per_gpu: int = 1) -> list[Slot]:
    """One slot per worker: on the GPUs in turn where there are some and the device allows, else on the cores.

    Raises UsageError if a GPU is asked for that is not there.
    """
    cores = usable_cores()
    gpus = [] if resources.device == "cpu" else chosen_gpus(resources.device)
    if resources.device.startswith("cuda") and not gpus:
        raise UsageError(
            f"--device {resources.device}: there is no such GPU on this machine; it has {len(visible_gpus())}."
        )
    workers = resources.workers or len(gpus) * workers_per_gpu or cores
    threads = resources.threads or threads_of(cores, workers)
    if not gpus:
        return [Slot("cpu", None, threads)] * workers
    return [Slot("cuda", gpus[number % len(gpus)], threads) for number in range(workers)]


def chosen_gpus(device: str) -> list[str]:
    """The GPUs that "auto", "cuda" or "cuda:N" mean."""
    gpus = visible_gpus()
    _, colon, number = device.partition(":")
    return gpus[int(number) : int(number) + 1] if colon else gpus


def visible_gpus() -> list[str]:
    """Names of the GPUs as CUDA_VISIBLE_DEVICES takes them; asked of the driver, so that torch need not load."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu and gpu != "-1"]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]
