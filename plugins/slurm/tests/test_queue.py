"""Without a SLURM: what is asked of its commands, and what is made of their answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import UsageError
from harness.executor import Ended, Job, Resources

pytest.importorskip("harness_slurm", reason="uv sync --extra slurm")
from harness_slurm import SlurmConfig, commands, executor, submissions
from harness_slurm.executor import Slurm

HELD = "launch failed requeued held"


class Fake:
    """A folder with commands named as SLURM's: they note how they are called, and say what they are told to say."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "results"
        self.folder = self.results / "engines" / "slurm"
        self.folder.mkdir(parents=True)
        self.commands = folder / "bin"
        self.commands.mkdir()
        for name in ("sbatch", "squeue", "scancel"):
            self.says(name, "")

    def says(self, name: str, text: str) -> None:
        script = self.commands / name
        script.write_text(f"#!/bin/sh\necho {name} \"$@\" >> '{self.commands}/called'\nprintf '{text}'\n")
        script.chmod(0o755)

    def called(self, name: str) -> list[str]:
        lines = (self.commands / "called").read_text().splitlines()
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]

    def job(self, name: str) -> Job:
        return Job(name, ("cell", "plan", name), str(self.results / f"{name}.log"))

    def left(self, identity: str, name: str, queue: str = "harness-1") -> None:
        """A job that an earlier run has left."""
        submissions.leave(self.folder, identity, self.job(name), queue)

    def engine(self, results: Path | None = None) -> Slurm:
        return Slurm(SlurmConfig(), Resources("cpu", None, (), results or self.results))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake(tmp_path)
    monkeypatch.setenv("PATH", f"{fake.commands}{os.pathsep}{os.environ['PATH']}")
    return fake


def test_jobs_are_asked_for_by_the_names_in_their_notes(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake.left("7_0", "a", "harness-1")
    fake.left("8_0", "b", "harness-2")
    with monkeypatch.context() as other:
        other.setattr(os, "getuid", lambda: -7)
        fake.left("9_0", "c", "harness-3")
    (fake.folder / "10_0.json").write_text('{"owner": null, "job": {}}')
    (tmp_path / "link").symlink_to(fake.results)
    engine = fake.engine(tmp_path / "link")
    assert engine.name == fake.engine().name
    assert [job.name for job in engine.adopt(["a", "b", "c"])] == ["a", "b"]
    assert "10_0.json says nothing of a job" in caplog.text
    fake.says("squeue", r"7_0|RUNNING|None\n8_0|PENDING|Priority\n")
    assert engine.poll(0) == []
    assert "--name=harness-1,harness-2 " in fake.called("squeue")[-1]
    engine.close()  # leaves them as they were named
    assert [name for _, _, name in submissions.left(fake.folder)] == ["harness-1", "harness-2"]


def test_a_job_that_would_never_begin_ends_the_run_if_no_other_has_begun(fake: Fake) -> None:
    fake.left("7_0", "a")
    fake.left("8_0", "b")
    fake.says("squeue", rf"7_0|PENDING|PartitionNodeLimit\n8_0|PENDING|{HELD}\n")
    engine = fake.engine()
    engine.adopt(["a", "b"])
    with pytest.raises(UsageError, match=f"SLURM would never start the job 8_0: {HELD}"):
        engine.poll(0)


def test_a_job_that_would_never_begin_costs_its_cell_alone_if_another_has_begun(fake: Fake) -> None:
    fake.left("7_0", "a")
    fake.left("8_0", "b")
    submissions.begin(fake.folder, "7_0")
    fake.says("squeue", rf"7_0|RUNNING|None\n8_0|PENDING|{HELD}\n")
    engine = fake.engine()
    engine.adopt(["a", "b"])
    assert engine.poll(0) == [Ended("b", 1)]
    assert fake.called("scancel") == ["--quiet 8_0"]
    assert f"job 8_0: PENDING, {HELD}" in (fake.results / "b.log").read_text()
    assert list(engine.running) == ["a"]


def test_jobs_whose_notes_cannot_be_written_are_cancelled(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    engine = fake.engine()
    monkeypatch.setattr(engine, "_array", lambda *_: ["7_0", "7_1"])
    monkeypatch.setattr(submissions, "remember", full)
    engine.submit(fake.job("a"))
    engine.submit(fake.job("b"))
    with pytest.raises(OSError, match="no space left"):
        engine.poll(0)
    engine.cancel()
    assert fake.called("scancel") == ["--quiet 7_0 7_1"]


def test_a_detach_that_is_refused_says_what_is_submitted_and_leaves_it(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_the_second(jobs: list[Job], *_: object) -> list[str]:
        if jobs[0].name == "b":
            raise UsageError("executor slurm: QOSMaxSubmitJobPerUserLimit")
        return ["7_0"]

    engine = fake.engine()
    monkeypatch.setattr(engine, "_array", refuse_the_second)
    monkeypatch.setattr(executor, "ARRAY", 1)
    engine.submit(fake.job("a"))
    engine.submit(fake.job("b"))
    with pytest.raises(UsageError, match=r"QOSMaxSubmitJobPerUserLimit; submitted cells, which go on: 1 of 2"):
        engine.detach()
    assert [job.name for _, job, _ in submissions.left(fake.folder)] == ["a"]


def test_a_controller_that_does_not_answer_scancel_ends_nothing(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.says("scancel", "' && exec sleep 60 && printf '")
    monkeypatch.setattr(commands, "SECONDS", 0.5)
    commands.cancel([f"7_{number}" for number in range(1001)])
    assert [len(line.split()) for line in fake.called("scancel")] == [1001, 2]
