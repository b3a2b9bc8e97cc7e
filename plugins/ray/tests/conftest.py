"""A Ray cluster of two nodes on this machine, and what its tests look at."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MARK = "HARNESS_RAY_TEST"  # a variable of all processes that the cluster starts, and of those that they start


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two CPUs on the head node, one on the other; `cluster.address` is what a suite names."""
    pytest.importorskip("ray")
    import harness_ray.cluster  # noqa: F401 (sets what Ray reads when it is imported)
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="harness-ray-", dir="/tmp")
    os.environ[MARK] = folder
    options = {"include_dashboard": False, "object_store_memory": 10**8, "temp_dir": folder}
    logging.getLogger("ray").setLevel(logging.ERROR)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **options})
    nodes.add_node(num_cpus=1, **options)
    yield nodes
    nodes.shutdown()
    del os.environ[MARK]
    await_(lambda: not marked(folder), "processes outlive the cluster")
    shutil.rmtree(folder)


def await_(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """What `condition` gives, once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return value


def marked(mark: str, *words: str) -> list[int]:
    """The living processes that have `mark` in their environment and all of `words` in their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
            if mark.encode() in (process / "environ").read_bytes() and all(word in line for word in words):
                found.append(int(process.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return [pid for pid in found if pid != os.getpid()]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
