"""On a Ray cluster of two nodes: the contract, the results of `local`, and what dies in the middle of a suite."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.testing import check_executor

pytest.importorskip("ray")
if not Path("/proc/self/environ").exists():
    pytest.skip("processes are found by /proc", allow_module_level=True)

TOY = Path(__file__).parents[3] / "tests" / "toy"
MARK = "HARNESS_RAY_TEST"  # a variable of all processes that the cluster starts, and of those that they start
SUITE = """\
name: toy
matrix:
  method: [{use: classify, seconds: 0.2}]
  backbone: [flat]
  dataset: [blobs]
  seed: [0, 1, 2]
budget: {steps: 30, batch_size: 32, lr: 0.1}
evaluators:
  nearest: {}
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    """Of the cluster's own files: a short path, as it holds sockets. No process that it marks outlives its test."""
    folder = tempfile.mkdtemp(prefix="harness-ray-", dir="/tmp")
    yield folder
    wait_for(lambda: not marked(folder), "processes outlive the cluster")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(folder: str) -> Iterator[Any]:
    """Two CPUs on the head node, one on the other; the toy plugin is installed. `address` is what a suite names."""
    import harness_ray.cluster  # noqa: F401 (sets what Ray reads when it is imported)
    from ray.cluster_utils import Cluster

    info = Path(folder) / "harness_toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\ntoy = harness_toy\n")
    logging.getLogger("ray").setLevel(logging.ERROR)
    Path("/tmp/ray").mkdir(exist_ok=True)  # Cluster writes its address there, and makes no folder but `temp_dir`
    options = {"include_dashboard": False, "object_store_memory": 10**8, "temp_dir": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([folder, str(TOY)]))
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **options})
        nodes.add_node(num_cpus=1, **options)
        yield nodes
        nodes.shutdown()


def wait_for(condition: Callable[[], Any], otherwise: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)


def marked(mark: str, word: str = "") -> list[int]:
    """The other living processes with `mark` in their environment and `word` in their command lines."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text(errors="replace")
            if mark.encode() in (process / "environ").read_bytes() and word in line:
                found.append(int(process.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return [pid for pid in found if pid != os.getpid()]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def metrics(results: Path) -> dict[str, Any]:
    """What each evaluation of each cell found, to the last bit."""
    files = sorted(results.glob("cells/*/evaluations/*.json"))
    return {f"{file.parts[-3]}/{file.name}": json.loads(file.read_text())["metrics"] for file in files}


def run(folder: Path, suite: str, *arguments: str) -> subprocess.Popen[str]:
    """`harness run`, in the background."""
    (folder / "suite.yaml").write_text(suite)
    command = [sys.executable, "-m", "harness", "run", "suite.yaml", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def output(process: subprocess.Popen[str], code: int = 0) -> str:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == code, said
    return said


def test_ray_conforms(cluster: Any) -> None:
    check_executor("ray", address=cluster.address)


def test_of_cells_that_lose_their_process_worker_or_node_the_first_alone_is_hurt(
    cluster: Any, folder: str, tmp_path: Path
) -> None:
    """The others are started again, and their results are those of `local`."""
    process = run(tmp_path, SUITE + f"executor: {{use: ray, address: '{cluster.address}'}}\n")
    wait_for(lambda: len(list(tmp_path.rglob("steps.jsonl"))) == 3, "three cells never train")
    workers = {pid: parent(pid) for pid in marked(folder, "harness_ray.cell")}
    [node] = cluster.worker_nodes
    raylet = node.all_processes["raylet"][0].process.pid
    killed, orphaned = [pid for pid, worker in workers.items() if parent(worker) != raylet]
    os.kill(killed, signal.SIGKILL)
    os.kill(workers[orphaned], signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)
    said = output(process, code=1)
    assert "2 of 3 cells done" in said
    assert "ended by SIGKILL" in said
    assert "raylet" not in said  # nor anything else that Ray has to say
    logs = [log.read_text() for log in tmp_path.rglob("attempts/001.log")]
    assert sum("lost, and started again" in log for log in logs) == 2
    assert not marked(folder, "harness_ray.cell")
    output(run(tmp_path, SUITE.replace("0.2", "0.0"), "--results", "local", "--workers", "2"))
    found, expected = metrics(tmp_path / "results" / "toy"), metrics(tmp_path / "local")
    assert (len(found), len(expected)) == (2, 3)
    assert found == {name: expected[name] for name in found}


def test_a_cell_that_fits_nowhere_is_refused_before_any_other_runs(cluster: Any, tmp_path: Path) -> None:
    suite = SUITE.replace("steps: 30,", "steps: 30, devices: 2,")
    process = run(tmp_path, suite + f"executor: {{use: ray, address: '{cluster.address}', cpus: 2}}\n")
    said = output(process, code=2)
    assert "needs 2 devices, and a job of it can have 1." in said
    assert not list(tmp_path.rglob("attempts"))


def test_cells_whose_only_node_goes_away_are_killed_and_the_run_ends(cluster: Any, tmp_path: Path) -> None:
    """The one that runs there, and those that wait in Ray for it."""
    options = {"include_dashboard": False, "object_store_memory": 10**8}
    node = cluster.add_node(num_cpus=4, **options)
    process = run(tmp_path, SUITE + f"executor: {{use: ray, address: '{cluster.address}', cpus: 4}}\n")
    wait_for(lambda: list(tmp_path.rglob("steps.jsonl")), "no cell trains")
    cluster.remove_node(node, allow_graceful=False)
    said = output(process, code=1)
    assert "0 of 3 cells done" in said
    logs = [log.read_text() for log in tmp_path.rglob("attempts/001.log")]
    assert len(logs) == 3
    assert sum("needs 4 CPUs, 0 GPUs; no node of the Ray cluster has that." in log for log in logs) >= 2
