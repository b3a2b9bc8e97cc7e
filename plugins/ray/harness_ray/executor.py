"""Runs jobs as tasks of a Ray cluster, and restarts tasks that were lost."""

from __future__ import annotations

import itertools
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness import UsageError
from harness.executor import GRACE_SECONDS, Capabilities, Ended, Executor, Job, Resources
from harness_ray import RayConfig
from harness_ray.cluster import Cluster, Lost, Task

KILLED = 128 + signal.SIGKILL
ROOM_SECONDS = 10.0  # between two looks whether a node is there for each task
INHERITED = ("HARNESS_", "PYTHONPATH")  # variables that jobs have from `harness run`; others are the nodes' own


class Ray(Executor):
    """A task per job. Without `--workers`, Ray has all of them at once and starts what the cluster has room for."""

    def __init__(self, config: RayConfig, resources: Resources) -> None:
        super().__init__(config, resources)
        self.capacity = resources.workers
        self.running: dict[str, Job] = {}
        self.tasks: dict[Task, Job] = {}
        self.losses: Counter[str] = Counter()
        self.look = 0.0  # when to look next whether a node is there for each task
        self.folder = str(Path.cwd())
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
        self.cluster = Cluster(config.address, config.cpus * (resources.workers or 1))
        try:
            self.gpus = gpus_of_a_device(config, resources.device, self.cluster.has_gpus())
            self.capabilities = Capabilities(devices=self._most_devices(), gigabytes=config.memory_gb)
        except BaseException:
            self.cluster.close()
            raise

    def submit(self, job: Job) -> None:
        device = "cuda" if self.gpus else "cpu"
        command = [*job.command, "--device", device, "--threads", str(self.config.cpus)]
        task = self.cluster.start(self._needs(job.devices), command, job.log, self.folder, self.environment)
        self.tasks[task] = job
        self.look = 0.0

    def poll(self, timeout: float) -> list[Ended]:
        if not self.tasks:
            time.sleep(timeout)
        over = self.cluster.ended(self.tasks, timeout)
        for job in self.tasks.values():
            if job.name not in self.running and Path(self.folder, job.log).exists():  # its task makes it
                self.running[job.name] = job
        codes = {job.name: self._exit_code(task, job) for task in over if (job := self.tasks.pop(task))}
        ended = [Ended(name, code) for name, code in codes.items() if code is not None] + self._without_room()
        for job_ended in ended:
            self.running.pop(job_ended.name, None)
        return ended

    def cancel(self) -> None:
        self._stop(GRACE_SECONDS + 4)
        self.kill()

    def kill(self) -> None:
        deadline = time.monotonic() + 10
        while self.tasks and time.monotonic() < deadline:
            self._stop(0.3)  # what was asked before is killed
        self.running.clear()

    def close(self) -> None:
        self.kill()
        self.cluster.close()

    def _stop(self, seconds: float) -> None:
        for task in self.tasks:
            self.cluster.ask(task)
        for task in self.cluster.ended(self.tasks, seconds, all_=True):
            del self.tasks[task]

    def _exit_code(self, task: Task, job: Job) -> int | None:
        """Of a task that has ended; None if its job has been started again."""
        try:
            return self.cluster.exit_code(task)
        except OSError as error:
            self._say(job, f"could not be started: {error}")
            return 1
        except Lost as error:
            return self._lost(job, error)

    def _lost(self, job: Job, error: Lost) -> int | None:
        """Start it again, where that is possible; else what it is reported with."""
        self.losses[job.name] += 1
        if self.losses[job.name] > self.config.retries or not self.cluster.has_room(self._needs(job.devices)):
            self._say(job, f"lost: {error}")
            return KILLED
        self._say(job, f"lost, and started again: {error}")
        self.submit(job)
        return None

    def _say(self, job: Job, words: str) -> None:
        """In the job's log, where `harness run` finds its last words."""
        log = Path(self.folder, job.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            print(f"harness: {words}", file=file)

    def _needs(self, devices: int) -> Mapping[str, float]:
        """What a task asks Ray for; a cell on several devices has each of them to itself."""
        gpus = self.gpus if devices == 1 else devices * math.ceil(self.gpus)
        memory = {} if self.config.memory_gb is None else {"memory": self.config.memory_gb * 1e9}
        return {"num_cpus": devices * self.config.cpus, "num_gpus": gpus, **memory}

    def _most_devices(self) -> int:
        """That a job can have. Raises UsageError if there is no room for one of a single device."""
        most = next(n for n in itertools.count() if not self.cluster.has_room(self._needs(n + 1)))
        if not most:
            raise UsageError(no_room(self._needs(1)))
        return most

    def _without_room(self) -> list[Ended]:
        """Ends the tasks that no node could run, as the only one that could has gone: Ray would wait in silence."""
        if time.monotonic() < self.look:
            return []
        self.look = time.monotonic() + ROOM_SECONDS
        room = {n: self.cluster.has_room(self._needs(n)) for n in {job.devices for job in self.tasks.values()}}
        ended = []
        for task, job in list(self.tasks.items()):
            if not room[job.devices]:
                self.cluster.ask(task)
                del self.tasks[task]
                self._say(job, no_room(self._needs(job.devices)))
                ended.append(Ended(job.name, KILLED))
        return ended


def gpus_of_a_device(config: RayConfig, device: str, there_are: bool) -> float:
    """How many GPUs a job takes for each of its devices; 0: it runs on CPUs. Raises UsageError for what cannot be."""
    if device.startswith("cuda:"):
        raise UsageError(f"--device {device}: Ray chooses the GPU of each cell; say --device cuda.")
    if device == "cpu":
        return 0
    gpus = config.gpus if config.gpus is not None else float(there_are)
    if device == "cuda" and not gpus:
        why = "the executor's option gpus is 0" if config.gpus == 0 else "the Ray cluster has no GPU"
        raise UsageError(f"--device cuda: {why}.")
    return gpus


def amounts(needs: Mapping[str, float]) -> str:
    """{"num_cpus": 2, "num_gpus": 0.5} -> "2 CPUs, 0.5 GPUs"."""
    words = [f"{needs['num_cpus']:g} CPUs", f"{needs['num_gpus']:g} GPUs"]
    return ", ".join([*words, *([f"{needs['memory'] / 1e9:g} GB of memory"] if "memory" in needs else [])])


def no_room(needs: Mapping[str, float]) -> str:
    return f"a cell needs {amounts(needs)}; no node of the Ray cluster has that."
