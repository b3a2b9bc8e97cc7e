"""Observers: what they are told, in which process; one that raises is named and stops nothing; TensorBoard's files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from harness.plugins.manager import Origin, Plugins
from harness.store.results_folder import Store
from tests.conftest import SUITE, Harness, install

TENSORBOARD = Path(__file__).parent.parent / "plugins" / "tensorboard"
ONE_CELL = SUITE.replace("classify, idle", "classify").replace("[0, 1]", "[0]")

WITNESS = """
import json, os
from harness import hookimpl

def note(**what):
    with open(os.environ["WITNESS"], "a") as file:
        file.write(json.dumps({"process": os.getpid(), **what}) + "\\n")

@hookimpl
def cell_started(event):
    note(hook="cell_started", method=event.cell["method"]["label"], folder=str(event.folder))

@hookimpl
def step_logged(event):
    note(hook="step_logged", step=event.step, steps=event.steps, metrics=dict(event.metrics), seed=event.cell["seed"])

@hookimpl
def cell_finished(event):
    note(hook="cell_finished", status=event.status, metrics=dict(event.metrics), folder=str(event.folder))

@hookimpl
def run_finished(event):
    note(hook="run_finished", results=str(event.results), statuses=dict(event.statuses))
"""

RAISING = """
from harness import hookimpl

def spoil(cell):
    cell["method"]["label"] = "spoilt"
    cell["method"].pop("options")

@hookimpl
def cell_started(event):
    spoil(event.cell)
    raise RuntimeError("no network:\\n\\x1b[31m  try later")

@hookimpl
def step_logged(event):
    raise ValueError("not a number")

@hookimpl
def cell_finished(event):
    spoil(event.cell)
    event.metrics.clear()
    raise SystemExit("enough")

@hookimpl
def run_finished(event):
    raise KeyError("results")
"""


def test_observers_are_told_of_all_and_those_that_raise_are_named_and_stop_nothing(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    install(tmp_path, "a_raising", RAISING)
    install(tmp_path, "witness", WITNESS)
    install(tmp_path, "curves", "from harness_tensorboard import *")
    witnessed = tmp_path / "witnessed"
    path = os.pathsep.join([str(tmp_path), str(TENSORBOARD), os.environ["PYTHONPATH"]])
    done = harness("run", suite(ONE_CELL), env={"PYTHONPATH": path, "WITNESS": str(witnessed)})
    assert "1 of 1 cell done" in done.stdout
    [folder] = (tmp_path / "results" / "toy" / "cells").iterdir()
    log = (folder / "attempts" / "001.log").read_text()
    by = "harness: warning: plugin 'a_raising' (plugin-a_raising 2.0): "
    in_log = [line for line in log.splitlines() if "a_raising" in line]
    assert in_log == [
        by + "cell_started raised RuntimeError: no network: \\x1b[31m try later",
        by + "step_logged raised ValueError: not a number",  # of 30 steps, once
    ]
    on_terminal = [line for line in done.stderr.splitlines() if "a_raising" in line]
    assert on_terminal == [
        by + "cell_finished raised SystemExit: enough",
        by + "run_finished raised KeyError: 'results'",
    ]

    events = [json.loads(line) for line in witnessed.read_text().splitlines()]
    hooks = [event["hook"] for event in events]
    assert hooks == ["cell_started", *["step_logged"] * 30, "cell_finished", "run_finished"]
    started, *steps, finished, ended = events
    assert started["method"] == "classify"
    assert started["folder"] == finished["folder"] == str(folder)
    assert [event["step"] for event in steps] == list(range(1, 31))
    assert {event["steps"] for event in steps} == {30}
    assert all({"loss", "accuracy"} == set(event["metrics"]) for event in steps)
    [record] = Store(tmp_path / "results" / "toy").records()
    assert record.cell["method"]["label"] == "classify"  # whatever another observer made of what it was told
    assert "options" in record.cell["method"]
    assert "Leaderboard: results/toy/leaderboard.md" in done.stdout
    [evaluation] = record.evaluations.values()
    accuracy = evaluation["metrics"]["accuracy"]["value"]
    assert finished["metrics"] == {"nearest accuracy": accuracy}
    assert finished["status"] == "ok"
    assert ended == {"process": finished["process"], "hook": "run_finished", "results": "results/toy"} | {
        "statuses": {"done": 1}
    }
    assert {event["process"] for event in steps} == {started["process"]} != {finished["process"]}

    shown = EventAccumulator(str(folder / "tensorboard" / "classify-flat-blobs-seed0")).Reload()
    logged = [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]
    assert len(logged) == 30
    for name in ("loss", "accuracy"):
        curve = [(event.step, event.value) for event in shown.Scalars(f"train/{name}")]
        assert curve == [(line["step"], pytest.approx(line[name])) for line in logged]
    assert [event.value for event in shown.Scalars("score/nearest accuracy")] == [pytest.approx(accuracy)]
    assert shown.summary_metadata["_hparams_/session_start_info"].plugin_data.plugin_name == "hparams"


class Fussy:
    """Raises something else each time."""

    def __init__(self) -> None:
        from harness import hookimpl

        self.number = 0

        @hookimpl
        def step_logged(event: Any) -> None:  # noqa: ARG001 (the hook's own name)
            self.number += 1
            raise ValueError(f"trouble {self.number // 2}")

        self.step_logged = step_logged


def test_each_thing_that_an_observer_raises_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    plugins, fussy = Plugins(), Fussy()
    plugins.add(fussy, Origin("fussy", "some-fussy", "1.0"))
    for _ in range(5):
        plugins.notify("step_logged", object())
    assert fussy.number == 5
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in said] == ["0", "1", "2"]
    assert said[0] == "harness: warning: plugin 'fussy' (some-fussy 1.0): step_logged raised ValueError: trouble 0"
    assert len(plugins.problems) == 3
