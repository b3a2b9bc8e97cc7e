"""The main job through its public door: the command line, on the toy plugin."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.store.results_folder import Store
from tests.conftest import SUITE, Harness

Write = Callable[[str], Path]


def records(folder: Path) -> dict[str, Any]:
    """All that a run wrote about each cell, less what may differ between runs: times and costs."""
    found = {}
    for cell in sorted((folder / "cells").iterdir()):
        scores = {
            path.stem: json.loads(path.read_text())["metrics"] for path in sorted(cell.glob("evaluations/*.json"))
        }
        units = {path.stem: dict(np.load(path)) for path in sorted(cell.glob("evaluations/*.npz"))}
        steps = (cell / "steps.jsonl").read_text() if (cell / "steps.jsonl").exists() else ""
        found[cell.name] = (
            scores,
            {name: {k: v.tolist() for k, v in each.items()} for name, each in units.items()},
            steps,
        )
    return found


def test_from_a_suite_to_a_leaderboard_and_again(harness: Harness, suite: Write, tmp_path: Path) -> None:
    path = suite(SUITE)
    first = harness("run", path)
    assert "4 of 4 cells done" in first.stdout
    board = (tmp_path / "results/toy/leaderboard.md").read_text()
    assert "classify" in board
    assert "idle" in board
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "results/toy/cells").rglob("*")}
    again = harness("run", path)
    assert "4 already done" in again.stdout
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "results/toy/cells").rglob("*")} == before
    statuses = json.loads(harness("plan", path, "--json").stdout)["cells"]
    assert [cell["status"] for cell in statuses] == ["done"] * 4
    for form, start in (("markdown", "#"), ("csv", ""), ("html", "<!")):
        harness("leaderboard", "--format", form, "--output", "out")
        assert (tmp_path / "out").read_text().startswith(start)
    assert harness("leaderboard", "results/toy").stdout == board
    other = harness("run", path, "--results", "other", "--workers", "2", "--profile")
    assert "4 of 4 cells done" in other.stdout
    assert records(tmp_path / "other") == records(tmp_path / "results/toy")  # bit for bit
    assert all(scores for scores, _, _ in records(tmp_path / "other").values())
    tables = list((tmp_path / "other").glob("cells/*/profile/operators.txt"))
    assert len(tables) == 2  # what trains nothing has no steps to profile
    for table in tables:
        assert "aten::" in table.read_text()
        assert json.loads(table.with_name("trace.json").read_text())["traceEvents"]


def test_a_further_evaluator_only_evaluates_and_a_further_seed_only_adds(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    harness("run", suite(SUITE.replace("[0, 1]", "[0]")))
    trained = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("training.json")}
    assert len(trained) == 2
    path = suite(SUITE + "  on train: {use: nearest, split: train}\n")
    statuses = json.loads(harness("plan", path, "--json").stdout)["cells"]
    assert [cell["status"] for cell in statuses] == ["todo"] * 4
    harness("run", path)
    assert all(file.stat().st_mtime_ns == written for file, written in trained.items())
    assert len(list(tmp_path.rglob("training.json"))) == 4
    assert len(list(tmp_path.rglob("evaluations/*.json"))) == 8


def test_cells_that_fail_are_records_and_the_others_go_on(harness: Harness, suite: Write, tmp_path: Path) -> None:
    methods = "{use: fail, how: [raise, kill, nan], unless: cured}, idle"
    text = SUITE.replace("classify, idle", methods).replace("[blobs]", "[blobs, broken]").replace("[0, 1]", "[0]")
    done = harness("run", suite(text), code=1)
    statuses = {
        (cell["method"]["label"], cell["dataset"]["name"]): cell["status"]
        for cell in json.loads(harness("plan", suite(text), "--json").stdout)["cells"]
    }
    assert statuses.pop(("idle", "blobs")) == "done"
    assert len(statuses) == 7
    assert set(statuses.values()) == {"failed", "killed"}
    for message in (
        "RuntimeError: failed on purpose",
        "ended by SIGKILL",
        "the loss is nan at step 1 of 30",
        "made of cheese",
    ):
        assert message in done.stdout
    assert "1 of 8 cells done" in done.stdout
    assert "failed on purpose" in (tmp_path / "results/toy/leaderboard.md").read_text()
    (tmp_path / "cured").touch()
    healed = harness("run", suite(text), "--only", "dataset=blobs", "--only", "method=fail,idle", code=1)
    assert "3 of 4 cells done" in healed.stdout  # the loss is still nan


def test_an_evaluator_that_fails_costs_no_other_score(harness: Harness, suite: Write, tmp_path: Path) -> None:
    done = harness("run", suite(SUITE.replace("nearest: {}", "failing: {}\n  nearest: {}")), code=1)
    assert "this evaluator fails on purpose" in done.stdout
    assert len(list(tmp_path.rglob("evaluations/*.json"))) == 4
    board = (tmp_path / "results/toy/leaderboard.md").read_text()
    assert "| classify" in board
    assert "fails on purpose" in board
    harness("run", suite(SUITE.replace("name: toy", "name: 'toy'")))  # which no longer asks for it
    assert "fails on purpose" not in (tmp_path / "results/toy/leaderboard.md").read_text()


def test_a_data_set_that_kills_its_process_hurts_only_its_own_cells(harness: Harness, suite: Write) -> None:
    text = SUITE.replace("[blobs]", "[blobs, deadly]").replace("classify, ", "").replace("[0, 1]", "[0]")
    done = harness("run", suite(text), code=1)
    assert "the data could not be prepared (ended by SIGKILL)" in done.stdout
    assert "1 of 2 cells done" in done.stdout


def test_labels_are_text_and_not_markup(harness: Harness, suite: Write) -> None:
    text = SUITE.replace("classify, idle", "{use: idle, label: '[/red]x'}").replace("[0, 1]", "[0]")
    assert "[/red]x" in harness("plan", suite(text)).stdout
    assert "[/red]x" in harness("run", suite(text)).stdout


def test_a_later_seed_joins_the_table_of_the_earlier_ones(harness: Harness, suite: Write, tmp_path: Path) -> None:
    harness("run", suite(SUITE.replace("[0, 1]", "[0]")))
    text = SUITE.replace("lr: 0.1", "lr: 0.1, precision: fp32").replace(
        "classify, idle", "{use: classify, label: new}, idle"
    )
    harness("run", suite(text))
    board = (tmp_path / "results/toy/leaderboard.md").read_text()
    assert board.count("## ") == 1
    assert "| new" in board
    assert "over 2 seeds" in board


def test_impossible_combinations_end_before_anything_trains(harness: Harness, suite: Write, tmp_path: Path) -> None:
    text = SUITE.replace("batch_size: 32", "batch_size: 4096").replace("nearest: {}", "nearest: {split: novel}")
    done = harness("run", suite(text), code=2)
    assert "benchmarks.yaml:3: classify on blobs with flat: the budget's batch_size is 4096" in done.stderr
    assert not list(tmp_path.rglob("training.json"))
    done = harness("run", suite(SUITE.replace("nearest: {}", "nearest: {split: novel}")), code=2)
    assert "benchmarks.yaml:9: classify on blobs with flat: the data set has no split 'novel'" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_cells_and_goes_on_when_asked(
    number: signal.Signals, harness: Harness, suite: Write, tmp_path: Path
) -> None:
    path = suite(SUITE.replace("classify, idle", "{use: classify, seconds: 1.0}, idle").replace("[0, 1]", "[0]"))
    command = [
        sys.executable,
        "-m",
        "harness",
        "run",
        str(path),
        "--workers",
        "2",
    ]  # of which one ends, on one core too

    def interruptible() -> None:  # even where this test runs in the background of a script, which ignores SIGINT
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,  # noqa: PLW1509 (this process has one thread)
    ) as running:
        wait_for(lambda: list(tmp_path.rglob("evaluations/*.json")) and len(list(tmp_path.rglob("leases/*.json"))) == 1)
        wait_for(lambda: list(tmp_path.rglob("steps.jsonl")))
        [mark] = [json.loads(path.read_text()) for path in tmp_path.rglob("leases/*.json")]
        running.send_signal(number)
        output, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "run the same command again" in output
    wait_for(lambda: not Path(f"/proc/{mark['pid']}").exists() if Path("/proc").exists() else True)
    assert [cell["status"] for cell in json.loads(harness("plan", path, "--json").stdout)["cells"]] == [
        "interrupted",
        "done",
    ]
    path = suite(path.read_text().replace("seconds: 1.0", "seconds: 0.0"))  # which does not count for the id
    assert "2 cells, 1 already done" in harness("run", path).stdout


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_only_and_fresh(harness: Harness, suite: Write, tmp_path: Path) -> None:
    path = suite(SUITE)
    harness("run", path, "--only", "method=idle", "--only", "seed=1")
    [training] = tmp_path.rglob("training.json")
    written = training.stat().st_mtime_ns
    time.sleep(0.01)
    harness("run", path, "--fresh", "--device", "gpu", code=2)
    harness("run", suite(SUITE.replace("32", "4096")), "--fresh", code=2)
    assert training.stat().st_mtime_ns == written  # nothing is forgotten for a command that cannot run
    suite(SUITE)
    again = harness("run", path, "--only", "method=idle", "--only", "seed=1", "--fresh")
    assert "1 cell, 0 already done" in again.stdout
    assert training.stat().st_mtime_ns > written
    assert (
        "no method 'idel' in this suite. Did you mean 'idle'?"
        in harness("run", path, "--only", "method=idel", code=2).stderr
    )
    assert "--only is written AXIS=NAME" in harness("run", path, "--only", "idle", code=2).stderr


def test_a_suite_with_a_mistake_and_a_device_that_is_none(harness: Harness, suite: Write, tmp_path: Path) -> None:
    done = harness("run", suite(SUITE.replace("idle", "ilde")), code=2)
    assert done.stderr == f"harness: {tmp_path}/benchmarks.yaml:3: there is no method 'ilde'. Did you mean 'idle'?\n"
    assert "--device is auto, cpu" in harness("run", suite(SUITE), "--device", "gpu", code=2).stderr
    no_gpu = {"CUDA_VISIBLE_DEVICES": ""}
    assert "there is no such GPU" in harness("run", suite(SUITE), "--device", "cuda:7", code=2, env=no_gpu).stderr
    assert "holds no results" in harness("leaderboard", "nowhere", code=2).stderr
    (tmp_path / "file").touch()
    assert "Not a directory" in harness("run", suite(SUITE), "--results", "file", code=2).stderr
    assert "there is no such plan" in harness("cell", "plan.json", "nonsense", "--attempt", "a", code=2).stderr


def test_a_method_that_an_evaluator_is_not_for_is_done_without_it(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    limited = SUITE.replace("  nearest: {}", "  nearest: {}\n  far: {use: nearest, split: train, only: idle}")
    harness("run", suite(limited))
    assert "4 cells: 4 done" in harness("plan", suite(limited)).stdout
    records = Store(tmp_path / "results" / "toy").records()
    assert {(each.cell["method"]["name"], len(each.evaluations)) for each in records} == {("classify", 1), ("idle", 2)}
    assert "4 already done" in harness("run", suite(limited)).stdout
    harness("run", suite(limited.replace(", only: idle", "")))
    assert all(len(each.evaluations) == 2 for each in Store(tmp_path / "results" / "toy").records())
