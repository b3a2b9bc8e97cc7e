"""Runs jobs on a SLURM cluster: submits them in arrays and watches all of them with one `squeue`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from shlex import quote

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from harness import UsageError
from harness.executor import GRACE_SECONDS, Capabilities, Ended, Executor, Job, Resources
from harness_slurm import SlurmConfig, commands, submissions
from harness_slurm.asks import gpus, parameters
from harness_slurm.commands import NEVER, OVER
from harness_slurm.task import Task

ASK_SECONDS = 2.0  # between two questions to the controller
REQUEUES = 100  # by time limits; a cell for which so many do not suffice is stuck
ARRAY = 1000  # jobs in one; SLURM's own limit is 1001 where nobody has changed it
DIED = 137  # exit code of a job that had begun and could not say how it ended


class Slurm(Executor):
    """`waiting` is here, `submitted` with SLURM: jobs by SLURM's number for them."""

    def __init__(self, config: SlurmConfig, resources: Resources) -> None:
        super().__init__(config, resources)
        commands.need()
        self.capabilities = Capabilities(gigabytes=config.memory_gb, seconds=60 * config.minutes, detaches=True)
        self.gpus = gpus(config, resources)
        self.at_once = config.at_once or resources.workers
        folder = resources.folder
        self.temporary = Path(tempfile.mkdtemp(prefix="harness-slurm-")) if folder is None else None
        self.folder = self.temporary or (Path(folder or ".") / "engines" / "slurm").absolute()
        self.name = f"harness-{hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:8]}"
        self.waiting: deque[Job] = deque()
        self.submitted: dict[str, Job] = {}
        self.names: dict[str, str] = {}  # of adopted jobs, where another path or version has given them another one
        self.begun = False  # whether a job of this run ever has
        self.asked = 0.0

    @property
    def running(self) -> dict[str, str]:
        begun = submissions.begun(self.folder) if self.submitted else ()
        return {job.name: identity for identity, job in self.submitted.items() if identity in begun}

    @running.setter
    def running(self, value: object) -> None:
        """The base class sets it."""

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def adopt(self, cells: Collection[str]) -> Collection[Job]:
        for identity, job, name in submissions.left(self.folder):
            if job.name in cells:
                self.submitted[identity], self.names[identity] = job, name
        for identity, job in self.submitted.items():
            submissions.remember(self.folder, identity, job, self._name(identity))
        return list(self.submitted.values())

    def detach(self) -> None:
        """Raises UsageError with SLURM's words, and how much is submitted, where it refuses some."""
        try:
            self._send(limited=False)
        except UsageError as error:
            sent = len(self.submitted)
            raise UsageError(f"{error}; submitted cells, which go on: {sent} of {sent + len(self.waiting)}.") from None
        finally:
            self.close()

    def poll(self, timeout: float) -> list[Ended]:
        self._send()
        deadline = time.monotonic() + timeout
        while True:
            if time.monotonic() - self.asked >= ASK_SECONDS and (ended := self._ended()):
                return ended
            if (left := deadline - time.monotonic()) <= 0:
                return []
            time.sleep(min(left, 0.1))

    def cancel(self) -> None:
        self.waiting.clear()
        self._end_all(GRACE_SECONDS + 4)
        self.kill()

    def kill(self) -> None:
        self.waiting.clear()
        if self.submitted:
            commands.cancel(self.submitted, "--batch", "--signal=KILL")  # those that run; SLURM ends what they started
            self._end_all(60)

    def close(self) -> None:
        """What has not been cancelled goes on."""
        for identity, job in self.submitted.items():
            submissions.leave(self.folder, identity, job, self._name(identity))
        self.submitted.clear()
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # another run has files there
                self.folder.rmdir()

    def _end_all(self, seconds: float) -> None:
        """Cancel what there is and wait until SLURM says that it has ended."""
        self.begun = True  # there is nothing to refuse any more
        commands.cancel(self.submitted)
        deadline = time.monotonic() + seconds
        while self.submitted and time.monotonic() < deadline:
            self._ended()
            time.sleep(0.2)

    def _send(self, *, limited: bool = True) -> None:
        """Submit what waits, in arrays of jobs that want the same, while the cap leaves room."""
        while self.waiting and (room := self._room() if limited else self._most()) > 0:
            devices = self.waiting[0].devices
            most = min(ARRAY, room) if limited else ARRAY  # SLURM's cap for an array is never raised again
            alike = list(islice(self._alike(), most))
            sent = dict(zip(self._array(alike, devices, room), alike, strict=True))
            self.submitted |= (
                sent  # before the notes, which an interrupt or a full disk may end: they are cancelled then
            )
            for _ in sent:
                self.waiting.popleft()
            for identity, job in sent.items():
                submissions.remember(self.folder, identity, job, self.name)

    def _alike(self) -> Iterator[Job]:
        """The first jobs that may go into one array: of as many devices, none waits for another of them, and all of
        them wait for others or none does."""
        first, names = self.waiting[0], set[str]()
        for job in self.waiting:
            if job.devices != first.devices or bool(job.after) != bool(first.after) or not names.isdisjoint(job.after):
                return
            names.add(job.name)
            yield job

    def _arrays_before(self, jobs: list[Job]) -> list[str]:
        """The arrays that hold what these jobs have to wait for. SLURM has one such list for a whole array."""
        names = {name for job in jobs for name in job.after}
        return sorted({identity.partition("_")[0] for identity, job in self.submitted.items() if job.name in names})

    def _most(self) -> int:
        """How many jobs an array may run at a time if there is no other."""
        return len(self.waiting) if self.at_once is None else self.at_once

    def _room(self) -> int:
        """How many a further array may have, besides those that there are."""
        return self._most() if self.at_once is None else self.at_once - len(self.submitted)

    def _array(self, jobs: list[Job], devices: int, cap: int) -> Iterable[str]:
        """SLURM's numbers for jobs that are submitted together. Their script is replaced by the job (`exec`), which is
        then what SLURM signals.

        Raises UsageError with SLURM's words if it refuses.
        """
        logging.getLogger("submitit").setLevel(logging.CRITICAL)  # what it would log is raised as well
        engine = SlurmExecutor(self.folder, max_num_timeout=REQUEUES, python=f"exec {quote(sys.executable)}")
        engine.update_parameters(
            **parameters(self.config, self.gpus * devices), job_name=self.name, array_parallelism=cap
        )
        if before := self._arrays_before(jobs):  # however they end: a job says itself what it lacks
            engine.update_parameters(dependency=":".join(["afterany", *before]))
        try:
            with contextlib.redirect_stderr(io.StringIO()), engine.batch():
                sent = [engine.submit(Task(self._command(job), job.log, str(self.folder))) for job in jobs]
        except (FailedJobError, FailedSubmissionError) as error:
            raise UsageError(f"executor slurm: {' '.join(str(error).split())}") from None
        self._tidy(sent[0].paths.submission_file)
        return [job.job_id for job in sent]

    def _tidy(self, script: Path) -> None:
        """Of a script SLURM has its own copy; submitit keeps it and a link to it."""
        script.unlink(missing_ok=True)
        for link in self.folder.glob(".submission_file_*"):
            if not link.exists():
                link.unlink(missing_ok=True)

    def _command(self, job: Job) -> tuple[str, ...]:
        device = "cuda" if self.gpus else "cpu"
        return (*job.command, "--device", device, "--threads", str(max(1, self.config.cpus // job.devices)))

    def _ended(self) -> list[Ended]:
        """Which jobs SLURM no longer has, or has only the end of."""
        self.asked = time.monotonic()
        names = {self._name(identity) for identity in self.submitted}
        states = commands.states(names) if names else {}
        if states is None:  # no answer is no news
            return []
        self.begun = self.begun or bool(self.running)
        own = {identity: states.get(identity, ("gone", "")) for identity in self.submitted}
        never = {each: reason for each, (state, reason) in own.items() if state == "PENDING" and reason in NEVER}
        over = [identity for identity, (state, _) in own.items() if state == "gone" or state in OVER]
        return [*self._refuse(never), *(self._end(identity, own[identity][0]) for identity in over)]

    def _refuse(self, never: Mapping[str, str]) -> list[Ended]:
        """Cancel jobs that would wait for ever, for these reasons. If nothing has begun, all are like them: raises
        UsageError.
        """
        for identity, reason in never.items():
            if not self.begun:
                raise UsageError(f"executor slurm: SLURM would never start the job {identity}: {reason}.")
        if never:
            commands.cancel(never)
        return [self._end(identity, f"PENDING, {reason}; it is cancelled") for identity, reason in never.items()]

    def _name(self, identity: str) -> str:
        """Under which `squeue` knows a job."""
        return self.names.get(identity, self.name)

    def _end(self, identity: str, state: str) -> Ended:
        job = self.submitted.pop(identity)
        said = submissions.exit_code(self.folder, identity)
        code = said if said is not None else DIED if identity in submissions.begun(self.folder) else 1
        if said is None or state.startswith("PENDING"):  # an earlier life may have said something
            Path(job.log).parent.mkdir(parents=True, exist_ok=True)
            with Path(job.log).open("a") as log:
                log.write(f"SLURM says of its job {identity}: {state}\n")
        submissions.forget(self.folder, identity)
        return Ended(job.name, code)
