"""On nodes that are machines of their own: what is a process or a host there means nothing here. And preemption."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import conftest
from .conftest import NODES, Cluster, Runs, wait_for

pytest.importorskip("harness_slurm", reason="uv sync --extra slurm")

SLURM = ("--executor", "slurm", "--executor-option", "partition=main", "--checkpoint-every", "10min")
STALE = "15"  # seconds of silence; a lease is touched every ten
PREEMPTION = """\
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL PriorityTier=10 MaxTime=60
"""


class Machines(Cluster):
    """Its nodes have host names and process numbers of their own, by namespaces of the kernel."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        text = self.conf.read_text().replace("Default=YES", "Default=YES PriorityTier=1")
        self.conf.write_text(text + PREEMPTION)

    def start_node(self, name: str) -> None:
        namespaces = ("unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child")
        self._daemon(name, *namespaces, "sh", "-c", f"hostname {name} && exec slurmd -D -N {name}", NODE=name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    path = "/usr/sbin:/sbin:" + os.environ["PATH"]
    if missing := [name for name in (*conftest.NEEDED, "unshare") if shutil.which(name, path=path) is None]:
        pytest.skip(f"there is no SLURM here ({', '.join(missing)}); see plugins/slurm/README.md")
    if os.geteuid():
        pytest.skip("namespaces are made by root")
    cluster = Machines(Path(tempfile.mkdtemp(prefix="slurm-")))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


def cells_on(cluster: Cluster, node: str) -> dict[str, int]:
    """The cells whose processes run on a node, by the numbers that they have here."""
    found = {}
    for pid, env in conftest.environments():
        if env.get("SLURM_CONF") == str(cluster.conf) and env.get("SLURMD_NODENAME") == node:
            words = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
            if words[3:4] == [b"cell"]:
                found[words[5].decode()] = pid
    return found


def test_a_killed_worker_on_another_machine_is_known_at_once(cluster: Cluster, runs: Runs) -> None:
    process = runs.start(*SLURM, steps=120, seconds=0.1)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    [(victim, pid)] = cells_on(cluster, "n1").items()
    os.kill(pid, signal.SIGKILL)
    said = runs.wait(process, 1)
    assert "killed: " in said
    assert not list(runs.results().glob("leases/[!.]*.json"))
    assert {cell: runs.attempts(cell) for cell in runs.cells()} == {
        cell: ["killed"] if cell == victim else ["ok"] for cell in runs.cells()
    }


def test_a_preempted_cell_saves_its_state_and_is_queued_again(cluster: Cluster, runs: Runs) -> None:
    process = runs.start(*SLURM, steps=120, seconds=0.1)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    cluster.call("sbatch", "--partition=urgent", "--array=0-1", "--output=/dev/null", "--wrap", "sleep 1")
    assert "2 of 2 cells done" in runs.wait(process)
    for cell in runs.cells():
        assert runs.attempts(cell) == ["interrupted", "ok"]
        assert runs.training(cell)["resumed_at"] > 0


def test_a_run_of_some_cells_leaves_the_jobs_of_the_others_alone(cluster: Cluster, runs: Runs) -> None:
    runs.wait(runs.start(*SLURM, "--detach", steps=120, seconds=0.1, seeds=3))
    submitted = runs.results() / "engines" / "slurm"
    process = runs.start(*SLURM, "--only", "seed=0", steps=120, seconds=0.1, seeds=3)
    wait_for(lambda: any(f'"pid": {process.pid},' in path.read_text() for path in submitted.glob("*.json")), "a run")
    process.send_signal(signal.SIGTERM)
    runs.wait(process, 130)
    assert len(cluster.call("squeue", "-h", "-r", "-t", "PD,R", "-o", "%i").split()) == 2
    assert "3 of 3 cells done" in runs.wait(runs.start(*SLURM, steps=120, seeds=3))


def test_a_lost_machine_is_waited_for_until_its_lease_is_stale(cluster: Cluster, runs: Runs) -> None:
    runs.env["HARNESS_STALE_SECONDS"] = STALE
    process = runs.start(*SLURM, "--checkpoint-every", "5steps", steps=120, seconds=0.1)
    wait_for(lambda: len(list(runs.results().glob("cells/*/checkpoint.pt"))) == 2, "two checkpoints")
    [victim] = cells_on(cluster, "n2")
    cluster.lose("n2")
    try:
        assert "2 of 2 cells done" in runs.wait(process)
    finally:
        cluster.start_node("n2")
    assert {cell: runs.attempts(cell) for cell in runs.cells()} == {
        cell: ["interrupted", "ok"] if cell == victim else ["ok"] for cell in runs.cells()
    }
    assert runs.training(victim)["resumed_at"] > 0
    wait_for(lambda: cluster.idle() == set(NODES), "two idle nodes")
