"""The part of Ray that is used here: connecting to a cluster and running tasks, without its output on the terminal."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Collection, Mapping
from typing import Any

from harness import UsageError
from harness_ray.cell import work

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it reports to its makers, and says so
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or workers of `uv run harness` install everything anew
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # or lines of its daemons' logs come between ours

import ray
from ray.exceptions import RayError, RayTaskError

STORE_BYTES = 10**8  # for Ray's objects: ours are exit codes
WORKERS = {"RAY_kill_child_processes_on_worker_exit": "false"}  # a cell saves its state first, and ends by itself
LONGEST = 400  # letters of what Ray says

Task = Any  # Ray's reference to what one returns


class Lost(Exception):  # noqa: N818 (no error of who starts the task)
    """A task whose worker or node was lost."""


class Cluster:
    """Connected until `close`. `address` None starts a Ray on this machine, with at least so many CPUs.

    Raises UsageError where there is no such cluster, or one of another version of Ray or Python.
    """

    def __init__(self, address: str | None, cpus: int = 1) -> None:
        # not where TMPDIR says: the paths of sockets must be short
        self.folder = None if address else tempfile.mkdtemp(prefix="harness-ray-", dir="/tmp")
        own = {
            "address": "local",
            "num_cpus": max(cpus, cores()),
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
            "_temp_dir": self.folder,
        }
        chosen: dict[str, Any] = {"address": address} if address else own
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        handler = signal.getsignal(signal.SIGTERM)
        try:
            _knock(address)
            ray.init(**chosen, **quiet, runtime_env={"env_vars": WORKERS})
        except Exception as error:  # whatever Ray raises where it cannot connect or start
            self.close()
            where = f"the Ray cluster at '{address}' cannot be used" if address else "Ray cannot be started"
            raise UsageError(f"{where}: {' '.join(_lines(error))[:LONGEST]}") from error
        except BaseException:  # Ctrl-C
            self.close()
            raise
        finally:
            signal.signal(signal.SIGTERM, handler)  # Ray has set its own, which ends the process
        self._work: Any = ray.remote(work)

    def has_gpus(self) -> bool:
        return bool(ray.cluster_resources().get("GPU"))

    def has_room(self, needs: Mapping[str, float]) -> bool:
        """Whether a living node could run a task with these needs, if it ran no other."""
        terms = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return any(all(node.get(terms[key], 0) >= amount for key, amount in needs.items()) for node in nodes)

    def start(self, needs: Mapping[str, float], *arguments: Any) -> Task:
        """A task that does `cell.work` with these arguments, once."""
        return self._work.options(max_retries=0, **needs).remote(*arguments)

    def ended(self, tasks: Collection[Task], timeout: float = 0, *, all_: bool = False) -> list[Task]:
        """Those that have ended; waits for one of them, or for all, at most so many seconds."""
        if not tasks:
            return []
        ray.wait(list(tasks), num_returns=len(tasks) if all_ else 1, timeout=timeout)
        ended: list[Task] = ray.wait(list(tasks), num_returns=len(tasks), timeout=0)[0]
        return ended

    def exit_code(self, task: Task) -> int:
        """What an ended task returned. Raises Lost, or OSError if it could not start the process of its job."""
        try:
            code: Any = ray.get(task)
        except RayTaskError as error:
            raise OSError(last_line(error)) from error
        except RayError as error:
            raise Lost(first_line(error)) from error
        return int(code)

    def ask(self, task: Task) -> None:
        """Ask a task to stop its job; a second time, to kill it. One that waits will not start."""
        ray.cancel(task)

    def close(self) -> None:
        ray.shutdown()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def _knock(address: str | None) -> None:
    """Raises OSError if nobody answers there: Ray would try for two minutes, and say so all the time."""
    host, colon, port = (address or "").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=10).close()


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def first_line(error: BaseException) -> str:
    """Of what Ray says, which may be long."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """Of a traceback: the error itself."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
