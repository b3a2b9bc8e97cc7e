"""On a real SLURM: the contract, the metrics of `local`, lost workers and nodes, requeued jobs, detached runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from harness import UsageError
from harness.executor import Resources
from harness.testing import check_executor
from harness.testing.held import HeldJob

pytest.importorskip("harness_slurm", reason="uv sync --extra slurm")
from harness_slurm import SlurmConfig, commands
from harness_slurm.asks import gpus, parameters
from harness_slurm.executor import Slurm

from .conftest import NODES, Cluster, Runs, kill, wait_for

pytestmark = pytest.mark.usefixtures("cluster")
SLURM = ("--executor", "slurm")


def jobs(cluster: Cluster, state: str = "all") -> list[str]:
    return cluster.call("squeue", "-h", "-r", "-t", state, "-o", "%i %T").splitlines()


def job_of(runs: Runs, cell: str) -> str:
    """SLURM's number for the job of a cell."""
    [path] = [path for path in runs.results().glob("engines/slurm/*.json") if f'"{cell}"' in path.read_text()]
    return path.stem


def test_slurm_conforms() -> None:
    check_executor("slurm")


def test_metrics_are_those_of_local_bit_for_bit(runs: Runs) -> None:
    runs.wait(runs.start("--results", "results/local", "--workers", "2"))
    said = runs.wait(runs.start(*SLURM))
    assert "2 of 2 cells done" in said
    assert len(runs.metrics()) == 2
    assert runs.metrics() == runs.metrics("local")
    assert not (runs.results() / "engines" / "slurm").exists()  # nothing is left behind


def test_a_killed_worker_costs_its_cell_alone(runs: Runs) -> None:
    process = runs.start(*SLURM, steps=40, seconds=0.1)
    wait_for(runs.running, "a cell that trains")
    victim, pid = next(iter(runs.running().items()))
    os.kill(pid, signal.SIGKILL)
    said = runs.wait(process, 1)
    assert "1 of 2 cells done" in said
    assert runs.attempts(victim) == ["killed"]
    assert "2 of 2 cells done" in runs.wait(runs.start(*SLURM, steps=40))
    assert {cell: runs.attempts(cell) for cell in runs.cells()} == {
        cell: ["killed", "ok"] if cell == victim else ["ok"] for cell in runs.cells()
    }


def test_a_lost_node_costs_its_cell_alone_which_goes_on_elsewhere(cluster: Cluster, runs: Runs) -> None:
    process = runs.start(*SLURM, "--checkpoint-every", "1s", steps=60, seconds=0.1)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    time.sleep(2.5)  # for a checkpoint
    where = dict(line.split() for line in cluster.call("squeue", "-h", "-r", "-t", "R", "-o", "%i %N").splitlines())
    victim = next(cell for cell in runs.running() if where[job_of(runs, cell)] == "n2")
    try:
        cluster.lose("n2")
        said = runs.wait(process)
    finally:
        cluster.start_node("n2")
    assert "2 of 2 cells done" in said
    assert {cell: runs.attempts(cell) for cell in runs.cells()} == {
        cell: ["interrupted", "ok"] if cell == victim else ["ok"] for cell in runs.cells()
    }
    assert runs.training(victim)["resumed_at"] > 0
    wait_for(lambda: cluster.idle() == set(NODES), "two idle nodes")


def test_requeued_jobs_go_on_from_what_they_saved(cluster: Cluster, runs: Runs) -> None:
    """As SLURM requeues a preempted job, and as it warns one of its time limit."""
    process = runs.start(*SLURM, steps=60, seconds=0.1)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    time.sleep(1)
    preempted, warned = (job_of(runs, cell) for cell in sorted(runs.running()))
    cluster.call("scontrol", "requeue", preempted)
    cluster.call("scancel", "--batch", "--signal=USR2", warned)
    assert "2 of 2 cells done" in runs.wait(process)
    for cell in runs.cells():
        assert runs.attempts(cell) == ["interrupted", "ok"]
        assert 0 < runs.training(cell)["resumed_at"] < 60


def test_an_interrupted_run_ends_its_jobs_which_save_their_state(cluster: Cluster, runs: Runs) -> None:
    process = runs.start(*SLURM, steps=60, seconds=0.1, seeds=3)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    time.sleep(1)
    begun = sorted(runs.running())
    process.send_signal(signal.SIGTERM)
    runs.wait(process, 130)
    assert not jobs(cluster, "PD,R,CG")
    assert {cell: runs.attempts(cell) for cell in begun} == {cell: ["interrupted"] for cell in begun}
    assert "3 of 3 cells done" in runs.wait(runs.start(*SLURM, steps=60, seeds=3))
    assert all(runs.training(cell)["resumed_at"] > 0 for cell in begun)


def test_a_detached_run_is_attached_to_again(cluster: Cluster, runs: Runs) -> None:
    said = runs.wait(runs.start(*SLURM, "--detach", steps=60, seconds=0.1, seeds=3))
    assert "3 of 3 cells submitted" in said
    before = set(jobs(cluster, "PD,R"))
    assert len(before) == 3
    wait_for(lambda: any(runs.attempts(cell) for cell in runs.cells()), "a cell that ends while nobody looks")
    assert "3 of 3 cells done" in runs.wait(runs.start(*SLURM, steps=60, seconds=0.1, seeds=3))
    assert [runs.attempts(cell) for cell in runs.cells()] == [["ok"]] * 3


def test_the_jobs_of_a_killed_run_are_taken_over(runs: Runs) -> None:
    process = runs.start(*SLURM, steps=60, seconds=0.1)
    wait_for(lambda: len(runs.running()) == 2, "two cells that train")
    kill(process.pid)
    process.wait()
    assert "2 of 2 cells done" in runs.wait(runs.start(*SLURM, steps=60, seconds=0.1))
    assert [runs.attempts(cell) for cell in runs.cells()] == [["ok"]] * 2


def test_at_once_is_kept_over_all_arrays(tmp_path: Path) -> None:
    engine = Slurm(SlurmConfig(at_once=1), Resources("cpu", None, (), tmp_path))
    with HeldJob(tmp_path, "a") as a, HeldJob(tmp_path, "b") as b, HeldJob(tmp_path, "c") as c:
        held = [a, b, c]
        try:
            engine.submit(a.job)
            engine.submit(b.job)
            engine.poll(0)
            engine.submit(c.job)  # another array
            order = []
            while held:
                wait_for(lambda: (engine.poll(0.1), any(job.runs() for job in held))[1], "a job that runs")
                time.sleep(3)  # a second one would begin
                [one] = [job for job in held if job.runs()]
                order.append(one.job.name)
                one.release()
                held.remove(one)
            assert sorted(order) == ["a", "b", "c"]
        finally:
            engine.cancel()
            engine.close()


def test_each_job_that_ends_makes_room_for_another(tmp_path: Path) -> None:
    engine = Slurm(SlurmConfig(at_once=2), Resources("cpu", None, (), tmp_path))
    with (
        HeldJob(tmp_path, "a") as a,
        HeldJob(tmp_path, "b") as b,
        HeldJob(tmp_path, "c") as c,
        HeldJob(tmp_path, "d") as d,
    ):
        try:
            engine.submit(a.job)
            engine.submit(b.job)
            engine.poll(0)
            engine.submit(c.job)  # for arrays of their own
            engine.submit(d.job)
            wait_for(lambda: (engine.poll(0.1), a.runs() and b.runs())[1], "the first two")
            a.release()
            wait_for(lambda: (engine.poll(0.1), c.runs())[1], "a third one")
            assert not d.runs()
            b.release()
            wait_for(lambda: (engine.poll(0.1), d.runs())[1], "two at a time again")
            assert c.lives()
        finally:
            engine.cancel()
            engine.close()


def test_slurms_own_words_are_the_message(runs: Runs) -> None:
    said = runs.wait(runs.start(*SLURM, "--executor-option", "partition=none"), 2)
    assert "invalid partition specified: none" in said
    said = runs.wait(runs.start(*SLURM, "--executor-option", "minutes=100"), 2)  # more than the partition's 60
    assert "SLURM would never start the job" in said
    assert "PartitionTimeLimit" in said
    said = runs.wait(runs.start(*SLURM, "--device", "cuda"), 2)  # the later --device counts
    assert "sbatch: error:" in said


def test_without_slurm_there_is_a_message(runs: Runs, tmp_path: Path) -> None:
    runs.env["PATH"] = str(tmp_path)
    assert "there is no `sbatch` on this machine" in runs.wait(runs.start(*SLURM), 2)


def test_gpus_are_asked_for_each_device() -> None:
    asked = parameters(SlurmConfig(memory_gb=1.5, partition="a100"), gpus=8)
    assert (asked["gpus_per_node"], asked["mem"], asked["partition"]) == (8, "1536M", "a100")
    assert "gpus_per_node" not in parameters(SlurmConfig(), gpus=0)
    assert gpus(SlurmConfig(), Resources("auto", None)) == gpus(SlurmConfig(), Resources("cuda", None)) == 1
    assert gpus(SlurmConfig(gpus=2), Resources("cpu", None)) == 0
    for device, config in (("cuda:1", SlurmConfig()), ("cuda", SlurmConfig(gpus=0))):
        with pytest.raises(UsageError, match=f"--device {device}:"):
            gpus(config, Resources(device, None))


def test_no_answer_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", "/dev/null")
    assert commands.states(["harness"]) is None
