"""A connection to a Ray cluster, or a Ray of our own; nothing that Ray would tell the terminal."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping

from harness import UsageError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it reports to its makers, and says so
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # or workers of `uv run harness` install everything anew

import ray

STORE_BYTES = 10**8  # for Ray's objects: ours are exit codes


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
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**({"address": address} if address else own), log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # whatever Ray raises where it cannot connect or start
            self.close()
            where = f"the Ray cluster at '{address}' cannot be used" if address else "Ray cannot be started"
            raise UsageError(f"{where}: {in_words(error)}") from error
        signal.signal(signal.SIGTERM, handler)  # Ray has set its own, which ends the process

    def has_gpus(self) -> bool:
        return bool(ray.cluster_resources().get("GPU"))

    def nodes(self) -> list[Mapping[str, float]]:
        """What each living node has, in Ray's terms: CPU, GPU, memory in bytes."""
        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def close(self) -> None:
        ray.shutdown()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_words(error: BaseException) -> str:
    """The first line of what Ray says, which may be long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
