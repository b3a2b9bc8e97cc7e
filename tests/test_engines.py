"""Executors whose jobs outlive the run that submitted them, and whose engine starts a job again; their options."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from harness import UsageError
from harness.base.atomic_files import read_json, write_json
from harness.base.outcome import Outcome
from harness.executor import Capabilities, Ended, Executor, Job, Resources
from harness.learning.checkpoint import checkpoint_step
from harness.plugins.registry import registry
from harness.running.display import PlainDisplay
from harness.running.run_options import RunOptions
from harness.running.scheduler import run_plan
from harness.running.submitted import Submitted
from harness.store.lease import claim
from harness.store.results_folder import CellFolder, Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from harness.testing import check_executor
from tests.conftest import SUITE, Harness
from tests.test_faults import Write
from tests.test_run import wait_for

ONE = SUITE.replace("[classify, idle]", "[{use: classify, seconds: 0.1}]").replace("[0, 1]", "[0]")
RESTARTED = ("--executor-option", "restarted=restarted")


def ends(folder: CellFolder) -> list[tuple[str, str]]:
    """How each attempt ended."""
    found = [read_json(path) for path in sorted(folder.attempts.glob("*.json"))]
    return [(each["status"], each["message"]) for each in found if each]


def test_a_job_that_is_started_again_goes_on_from_its_checkpoint(suite: Write, tmp_path: Path) -> None:
    plan, store = Plan.of(load_suite(suite(ONE), registry())), Store(tmp_path / "results")
    [id_] = plan.cells
    folder = store.cell(id_)
    folder.attempts.mkdir(parents=True)
    first, log = folder.attempt(1), folder.attempt(1).with_suffix(".log")
    ticket = ["--attempt", str(first), "--since", "1", "--run", "elsewhere.1.2.3", "--checkpoint-every", "1steps"]
    command = [sys.executable, "-m", "harness", "cell", str(store.write_plan(plan)), id_, *ticket]

    def life(end: signal.Signals | None, env: dict[str, str] | None = None) -> int:
        before = checkpoint_step(folder.checkpoint)
        with (
            log.open("a") as out,
            subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | (env or {})) as job,
        ):
            if end:
                wait_for(lambda: checkpoint_step(folder.checkpoint) > before)
                job.send_signal(end)
        return job.returncode

    assert life(signal.SIGTERM) == 1
    stopped_at = checkpoint_step(folder.checkpoint)
    assert life(signal.SIGKILL) == -signal.SIGKILL
    held = json.loads(store.lease(id_).read_bytes())
    assert held["attempt"] == "002"
    store.lease(id_).write_text(json.dumps({**held, "machine": "00000000"}))  # as seen from another one
    assert life(None, {"HARNESS_STALE_SECONDS": "1"}) == 0
    again = "its process died, and the job was started again"
    told, *others = ends(folder)
    assert told[0] == "interrupted"
    assert "saved after step" in told[1]
    assert others == [("interrupted", again), ("ok", "")]
    trained = read_json(folder.training)
    assert trained
    assert trained["resumed_at"] > stopped_at > 0
    assert folder.attempt(3).with_suffix(".log").samefile(log)
    assert life(None) == 75
    assert len(ends(folder)) == 3


def test_a_detached_run_is_attached_to_and_its_jobs_may_be_started_again(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    methods = "[idle, {use: fail, how: kill, step: 20, unless: restarted}]"
    path = suite(SUITE.replace("[classify, idle]", methods).replace("[0, 1]", "[0]") + "executor: engine\n")
    said = harness("run", path, *RESTARTED, "--executor-option", "hold=true", "--detach").stdout
    assert "2 of 2 cells submitted, 0 done." in said
    store = Store(tmp_path / "results/toy")
    assert not list(store.folder.glob("cells/*/training.json"))
    said = harness("run", path).stdout
    assert "Preparing" not in said  # the run before has
    assert "2 of 2 cells done" in said
    submitted = [json.loads(file.read_text())[0] for file in store.folder.glob("engine/*/job.json")]
    assert len(submitted) == 3  # one to prepare, and no cell twice
    again = ("interrupted", "its process died, and the job was started again")
    attempts = sorted(ends(store.cell(id_)) for id_ in store.begun())
    assert attempts == [[again, ("ok", "")], [("ok", "")]]
    assert not list(store.folder.glob("leases/*.json"))


class Fake(Executor):
    """Its jobs end as they are said to, and write nothing."""

    capabilities = Capabilities(detaches=True)
    capacity = 1

    def __init__(self, left: Mapping[Job, int] | None = None, mistakes: Collection[str] = ()) -> None:
        super().__init__(None, Resources("cpu", None))
        self.left = left or {}
        self.mistakes = list(mistakes)
        self.jobs: list[Job] = []
        self.ended: list[Ended] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        if job.command[0] == "prepare":
            write_json(Path(job.command[3]), {"errors": self.mistakes})
            Path(job.log).touch()
        self.ended.append(Ended(job.name, int(job.command[0] == "cell")))

    def adopt(self, cells: Collection[str]) -> Collection[Job]:
        found = {job: code for job, code in self.left.items() if job.name in cells}
        self.ended += [Ended(job.name, code) for job, code in found.items()]
        return list(found)

    def poll(self, timeout: float) -> list[Ended]:  # noqa: ARG002
        ended, self.ended = self.ended, []
        return ended


def test_a_run_takes_over_what_is_left_submits_the_rest_and_reads_the_latest_attempt(
    suite: Write, tmp_path: Path
) -> None:
    plan = Plan.of(load_suite(suite(SUITE.replace("[classify, idle]", "[idle]").replace("1]", "1, 2]")), registry()))
    store, display = Store(tmp_path / "results"), PlainDisplay(Console(quiet=True))
    one, two, three = plan.cells
    first = Fake()
    assert run_plan(plan, store, first, display, RunOptions(detach=True)) == dict.fromkeys(plan.cells, "submitted")
    given = {job.name: job for job in first.jobs}
    for number, outcome in ((1, Outcome("interrupted")), (2, Outcome("oom", "in its second life"))):
        attempt = store.cell(two).attempt(number)
        write_json(attempt, outcome.as_json(attempt))
    second = Fake({given[one]: 75, given[two]: 1})  # another job has the first cell; the third was lost
    assert run_plan(plan, store, second, display) == {one: "failed", two: "oom", three: "failed"}
    assert [job.name for job in second.jobs] == ["prepare", three, one]
    with pytest.raises(UsageError, match=r"--fresh: jobs of an earlier run have not ended yet \(1 cell\)"):
        run_plan(plan, store, Fake({given[one]: 0}), display, RunOptions(fresh=True))


def test_the_end_of_a_job_that_was_taken_over_is_written_down_though_the_data_has_mistakes(
    suite: Write, tmp_path: Path
) -> None:
    plan = Plan.of(load_suite(suite(SUITE.replace("[classify, idle]", "[idle]")), registry()))
    store, display, first = Store(tmp_path / "results"), PlainDisplay(Console(quiet=True)), Fake()
    one, two = plan.cells
    run_plan(plan, store, first, display, RunOptions(detach=True))
    [job] = [job for job in first.jobs if job.name == one]
    with pytest.raises(UsageError, match="no such picture"):
        run_plan(plan, store, Fake({job: 1}, ["no such picture"]), display)
    assert store.statuses(plan) == {one: "failed", two: "todo"}


def test_a_cell_is_free_once_its_job_has_ended_on_whatever_machine(suite: Write, tmp_path: Path) -> None:
    plan = Plan.of(load_suite(suite(ONE), registry()))
    store, [id_] = Store(tmp_path / "results"), plan.cells
    job = Submitted(store.cell(id_).attempt(1), "elsewhere.1.2.3", 1)
    for run_of_it, left in (("elsewhere.1.2.3", False), ("elsewhere.4.5.6", True)):
        mine = claim(store.lease(id_), run_of_it, "001")
        assert mine
        store.lease(id_).write_text(json.dumps({**json.loads(mine.content), "machine": "00000000"}))
        job.release(store, id_)
        assert store.lease(id_).exists() == left


def test_an_engine_that_keeps_the_contract_conforms() -> None:
    check_executor("engine")


def test_the_command_line_chooses_the_executor_and_its_options(harness: Harness, suite: Write) -> None:
    path = suite(SUITE + "executor: {use: engine, hold: true}\n")

    def refused(*arguments: str) -> str:
        return " ".join(harness("run", path, *arguments, code=2).stderr.split())

    assert "--executor-option hodl: engine has no option 'hodl'. Did you mean 'hold'?" in refused(
        "--executor-option", "hodl=false"
    )
    assert "--executor-option hold: engine.hold must be bool, not 3." in refused("--executor-option", "hold=3")
    assert "--executor-option is written KEY=VALUE, not 'hold'." in refused("--executor-option", "hold")
    assert "there is no executor 'lokal'. Did you mean 'local'?" in refused("--executor", "lokal")
    assert "--detach: jobs of the executor local end with" in refused("--executor", "local", "--detach")
    assert "--threads is for executors that share the cores of this machine, as local does; engine asks" in refused(
        "--threads", "2"
    )
    assert "--threads must be more than 0, not 0." in refused("--threads", "0")
    assert "executor engine: its jobs cannot see the results folder" in refused("--executor-option", "shared=no")
    assert "--memory 3 is more than a job of it can have, 2.5 GB." in refused(
        "--executor-option", "memory_gb=2.5", "--memory", "3"
    )
    assert "--timeout 61 has no effect: its jobs end after 60 seconds," in refused(
        "--executor-option", "minutes=1", "--timeout", "61"
    )


def test_a_cell_has_the_threads_that_it_is_given_and_its_record_says_so(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    harness("run", suite(ONE), "--executor", "local", "--threads", "3", env={"OMP_NUM_THREADS": "1"})
    [record] = Store(tmp_path / "results" / "toy").records()
    stages = [record.training, *record.evaluations.values()]
    assert [stage["provenance"]["threads"] for stage in stages if stage] == [3, 3]
