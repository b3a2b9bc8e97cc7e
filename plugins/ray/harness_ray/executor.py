"""Jobs as tasks of a Ray cluster. Ray places them and tells how they end; a lost one is started again from here."""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from harness import GRACE_SECONDS, Ended, Executor, Job, Resources, UsageError
from harness_ray import RayConfig
from harness_ray.cell import work
from harness_ray.cluster import Cluster, in_words

LOST_SECONDS = GRACE_SECONDS + 4  # that the process of a lost worker is given to save its state and end
KILLED = 128 + signal.SIGKILL
INHERITED = ("HARNESS_", "PYTHONPATH")  # variables that jobs have from `harness run`; others are the nodes' own


class Ray(Executor):
    """A task per job. Without `--workers`, Ray has all of them at once and starts what the cluster has room for."""

    def __init__(self, config: RayConfig, resources: Resources) -> None:
        super().__init__(config, resources)
        self.capacity = resources.workers
        self.running: dict[str, Job] = {}
        self.tasks: dict[Any, Job] = {}  # by Ray's reference to what they return
        self.lost: list[tuple[float, Job]] = []  # to be started again, and when
        self.losses: Counter[str] = Counter()
        self.folder = str(Path.cwd())
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
        self.cluster = Cluster(config.address, config.cpus * (resources.workers or 1))
        try:
            self.gpus = gpus_of_a_device(config, resources.device, self.cluster.has_gpus())
            self._require(self._needs(devices=1))
        except BaseException:
            self.cluster.close()
            raise
        self.device = "cuda" if self.gpus else "cpu"
        self.task: Any = ray.remote(work)

    def submit(self, job: Job) -> None:
        needs = self._needs(job.devices)
        self._require(needs)
        options = ["--device", self.device, "--threads", str(self.config.cpus)]
        task = self.task.options(max_retries=0, **needs)
        reference = task.remote([*job.command, *options], job.log, self.folder, self.environment)
        self.tasks[reference] = job

    def poll(self, timeout: float) -> list[Ended]:
        self._start_lost()
        references = list(self.tasks)
        if references:
            ray.wait(references, timeout=timeout)
        else:
            time.sleep(timeout)
        for job in self.tasks.values():
            if job.name not in self.running and Path(self.folder, job.log).exists():  # its task makes it
                self.running[job.name] = job
        ended = []
        ready = ray.wait(references, num_returns=len(references), timeout=0)[0] if references else []
        for reference in ready:
            job = self.tasks.pop(reference)
            code = self._exit_code(reference, job)
            if code is not None:
                self.running.pop(job.name, None)
                ended.append(Ended(job.name, code))
        return ended

    def cancel(self) -> None:
        self.lost.clear()
        self._ask()
        self._await(GRACE_SECONDS + 4)
        self.kill()

    def kill(self) -> None:
        self.lost.clear()
        deadline = time.monotonic() + 10
        while self.tasks and time.monotonic() < deadline:
            self._ask()  # what was asked before is killed
            self._await(0.3)
        self.running.clear()

    def close(self) -> None:
        self.kill()
        self.cluster.close()

    def _ask(self) -> None:
        for reference in self.tasks:
            ray.cancel(reference)

    def _await(self, seconds: float) -> None:
        references = list(self.tasks)
        ready = ray.wait(references, num_returns=len(references), timeout=seconds)[0] if references else []
        for reference in ready:
            del self.tasks[reference]

    def _exit_code(self, reference: Any, job: Job) -> int | None:
        """Of a task that has ended; None if it is going to be started again."""
        try:
            return int(ray.get(reference))
        except RayTaskError as error:  # its own fault: no process was started
            self._say(job, f"could not be started by its Ray worker: {last_line(error)}")
            return 1
        except RayError as error:
            self.losses[job.name] += 1
            if self.losses[job.name] > self.config.retries:
                self._say(job, f"lost {self.losses[job.name]} times: {in_words(error)}")
                return KILLED
            self._say(job, f"lost, and started again: {in_words(error)}")
            self.lost.append((time.monotonic() + LOST_SECONDS, job))
            return None

    def _start_lost(self) -> None:
        due = [job for when, job in self.lost if when <= time.monotonic()]
        self.lost = [(when, job) for when, job in self.lost if when > time.monotonic()]
        for job in due:
            self.submit(job)

    def _say(self, job: Job, words: str) -> None:
        """In the job's log, where `harness run` finds its last words."""
        log = Path(self.folder, job.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            print(f"harness: {words}", file=file)

    def _needs(self, devices: int) -> dict[str, float]:
        """What a task asks Ray for. A cell on several devices has each to itself."""
        gpus = self.gpus if devices == 1 else devices * math.ceil(self.gpus)
        memory = {} if self.config.memory_gb is None else {"memory": self.config.memory_gb * 1e9}
        return {"num_cpus": devices * self.config.cpus, "num_gpus": gpus, **memory}

    def _require(self, needs: Mapping[str, float]) -> None:
        """Raises UsageError if no node could ever run a task with these needs, for which Ray would wait in silence."""
        terms = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
        nodes = self.cluster.nodes()
        if not any(all(node.get(terms[key], 0) >= amount for key, amount in needs.items()) for node in nodes):
            raise UsageError(f"a cell needs {amounts(needs)}; no node of the Ray cluster has that.")


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


def last_line(error: BaseException) -> str:
    """Of a traceback, the error itself."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
