"""Output that is no terminal: files, pipes that close, encodings without all letters."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from harness.plugins.registry import registry
from harness.running.display import PlainDisplay
from harness.running.progress import Progress
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests.conftest import SUITE, Harness

LONG = "a label of a method that goes on and on until it is longer than eighty columns are wide"


def test_in_a_file_a_row_of_a_plan_is_a_line(harness: Harness, suite: Callable[[str], Path]) -> None:
    path = suite(SUITE.replace("[classify, idle]", f'[{{use: classify, label: "{LONG}"}}, idle]'))
    lines = harness("plan", path, env={"COLUMNS": ""}).stdout.splitlines()
    assert sum(LONG in line for line in lines) == 2
    assert len(lines) == 6  # a title, four cells, their number
    assert max(map(len, harness("plan", path).stdout.splitlines())) <= 80
    wide = harness("list", env={"COLUMNS": ""}).stdout.splitlines()
    assert len(wide) < len(harness("list").stdout.splitlines())


def test_an_encoding_without_a_letter_is_a_mistake(harness: Harness, suite: Callable[[str], Path]) -> None:
    harness("run", suite(SUITE))
    done = harness("leaderboard", "results/toy", env={"PYTHONIOENCODING": "ascii"}, code=2)
    assert "the output's encoding, ascii, cannot write" in done.stderr
    assert done.stdout == ""
    assert "±" in harness("leaderboard", "results/toy", env={"PYTHONIOENCODING": "utf-8"}).stdout
    harness("leaderboard", "results/toy", "--output", "all.md", env={"PYTHONIOENCODING": "ascii"})


def test_a_run_whose_output_closes_says_that_it_stopped(suite: Callable[[str], Path], tmp_path: Path) -> None:
    suite(SUITE)
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "benchmarks.yaml"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout
        assert run.stderr
        assert run.stdout.readline().startswith("toy: 4 cells")
        run.stdout.close()
        said = run.stderr.read()
    assert run.returncode == 1
    assert "the output was closed, so the run stopped" in said
    assert "Traceback" not in said


def test_plain_progress_says_what_each_running_cell_does(suite: Callable[[str], Path], tmp_path: Path) -> None:
    plan, store = Plan.of(load_suite(suite(SUITE), registry())), Store(tmp_path / "results")
    progress = Progress(plan, store, list(plan.cells))
    first, second, *_ = plan.cells
    for id_ in (first, second):
        progress.begin(id_)
    store.cell(first).folder.mkdir(parents=True)
    store.cell(first).steps.write_text('{"step": 12, "steps": 30, "loss": 1.23456}\n')
    console = Console(width=80, file=io.StringIO(), color_system=None)
    display = PlainDisplay(console)
    display.update(progress)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""  # not so often
    display.said -= 3600
    display.update(progress)
    lines = console.file.getvalue().splitlines()
    assert lines[0].startswith("0 of 4 cells ended, 2 running")
    assert lines[1] == f"  {plan.cells[first].name()}: step 12/30, loss 1.235"
    assert lines[2] == f"  {plan.cells[second].name()}: starting"


def test_an_interruption_before_the_command_begins_is_no_traceback(tmp_path: Path) -> None:
    """As by Ctrl-C while modules are imported: here importing typer, which each command needs, is interrupted."""
    (tmp_path / "typer.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**9): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "benchmarks.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "harness: interrupted.\n")


PEBBLES = """\
import time
from pathlib import Path

from harness import ImageDataset, UsageError, counted, hookimpl


class Pebbles(ImageDataset):
    def load(self):
        for _ in counted(range(2000), "pebbles turned"):
            time.sleep(0.02)
            if Path("seen").exists():
                raise UsageError("enough was seen")
        raise UsageError("nobody looked")


@hookimpl
def register_datasets(register):
    register("pebbles", "pebbles:Pebbles", modality="images")
"""
OFTEN = "import harness.cli, harness.running.display; harness.running.display.PLAIN_SECONDS = 0; harness.cli.main()"


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_preparing_is_can_be_seen_meanwhile(
    terminal: bool, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    """The data set loads until this test has seen it."""
    (tmp_path / "pebbles.py").write_text(PEBBLES)
    suite(SUITE.replace("[blobs]", "[pebbles]"))
    started = ["-m", "harness"] if terminal else ["-c", OFTEN]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(
        [sys.executable, *started, "run", "benchmarks.yaml", "--plugin", "pebbles.py", "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        while part := _read(ours):
            said += part
            if re.search(rb"  pebbles: \d[\d,]* of 2,000 pebbles turned", said):
                (tmp_path / "seen").touch()
    os.close(ours)
    assert process.returncode == 2, said.decode()
    assert b"enough was seen" in said
    assert not list((tmp_path / "results").rglob("*.doing"))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # EIO: the other side of a terminal has been closed
        return b""
