"""One cell on two devices through the command line: the same cell and scores, and nothing left when a part dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.learning.checkpoint import checkpoint_step
from harness.store.points import read_points
from harness.store.results_folder import Store
from tests.conftest import Harness

SUITE = """\
name: devices
matrix:
  method: [{use: METHOD}]
  backbone: [{use: conv4, width: 8}]
  dataset: [digits]
  seed: [0]
budget: {steps: 12, batch_size: 16, devices: 2}
evaluators:
  knn: {k: 5}
"""
LONG = SUITE.replace("steps: 12", "steps: 100000").replace("METHOD", "supervised")
ARGUMENTS = ("suite.yaml", "--device", "cpu", "--workers", "1")


def suite(folder: Path, text: str) -> None:
    (folder / "suite.yaml").write_text(text)


def start(folder: Path, text: str = LONG) -> subprocess.Popen[bytes]:
    """A run whose training has made a checkpoint."""
    suite(folder, text)
    before = saved(folder)
    command = [sys.executable, "-m", "harness", "run", *ARGUMENTS, "--results", "results"]
    command += ["--checkpoint-every", "10steps"]
    with (folder / "output.txt").open("wb") as output:
        run = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + 120
    while saved(folder) == before:
        assert run.poll() is None, (folder / "output.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run


def saved(folder: Path) -> int:
    """The step of the checkpoint, 0 without one."""
    found = list(folder.glob("results/cells/*/checkpoint.pt"))
    return checkpoint_step(found[0]) if found else 0


def second_ranks(folder: Path) -> list[int]:
    """Processes of the second device of the cells in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes()
        except OSError:
            continue
        if b"harness.running.ranks" in command and str(folder).encode() in command:
            found.append(int(place.parent.name))
    return found


def none_left(folder: Path) -> bool:
    deadline = time.monotonic() + 20
    while second_ranks(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not second_ranks(folder)


SCALED = """\
from dataclasses import dataclass
from harness import hookimpl, option

@dataclass(frozen=True)
class Config:
    scale: float = option(0.0, "of the rate")

@hookimpl
def register_optimizers(register):
    register("scaled", f"{__name__}:scaled", Config)

def scaled(config, groups, budget):
    import torch

    class Scaled(torch.optim.SGD):
        def step(self):
            for group in self.param_groups:
                group["lr"] *= config.scale
            super().step()

    return Scaled(groups, lr=budget.lr, momentum=budget.momentum)
"""


def test_two_devices_make_the_same_cell_and_its_scores(harness: Harness, tmp_path: Path) -> None:
    """With an optimizer of a plugin's, whose option every device must know; with the gradient's norm held."""
    (tmp_path / "scaled.py").write_text(SCALED)
    text = SUITE.replace("METHOD", "simclr").replace(
        "devices: 2", "devices: 2, clip: 8, optimizer: {use: scaled, scale: 1}"
    )
    text = text.replace(
        "knn: {k: 5}", "knn: {k: 5, curve: 3}\n  finetune: {epochs: 1, curve: 1}"
    )  # which trains a copy
    for devices in (2, 1):
        suite(tmp_path, text.replace("devices: 2", f"devices: {devices}"))
        harness("run", *ARGUMENTS, "--plugin", "scaled.py", "--results", f"of-{devices}")
    (two,), (one,) = (Store(tmp_path / f"of-{devices}").records() for devices in (2, 1))
    assert two.id == one.id
    assert two.training
    assert one.training
    assert (two.cell["budget"]["devices"], one.cell["budget"]["devices"]) == (2, 1)
    assert [each.training["provenance"]["device"] for each in (two, one)] == ["2 × cpu", "cpu"]
    assert two.training["samples"] == one.training["samples"]
    assert two.training["metrics"]["loss"] == pytest.approx(one.training["metrics"]["loss"], rel=1e-3)
    two_score, one_score = (
        next(score for score in each.evaluations.values() if score["label"] == "knn") for each in (two, one)
    )
    assert two_score["metrics"]["accuracy"]["value"] == pytest.approx(
        one_score["metrics"]["accuracy"]["value"], abs=0.03
    )
    assert len((tmp_path / "of-2" / "cells" / two.id / "steps.jsonl").read_text().splitlines()) == 12
    points = [read_points(tmp_path / f"of-{devices}" / "cells" / two.id / "curve.jsonl") for devices in (2, 1)]
    assert [sorted(point["step"] for point in each) for each in points] == [[4, 8, 12, 12]] * 2
    assert not any("error" in point for each in points for point in each)
    assert none_left(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_a_device_that_dies_ends_the_cell_and_a_signal_stops_all_after_one_step(tmp_path: Path) -> None:
    run = start(tmp_path)
    (other,) = second_ranks(tmp_path)
    os.kill(other, signal.SIGKILL)
    assert run.wait(60) == 1
    assert ended(tmp_path) == ("killed", "the process of device 1 was ended by SIGKILL")
    assert none_left(tmp_path)

    run = start(tmp_path)
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 130
    status, message = ended(tmp_path)
    assert (status, message) == ("interrupted", f"ended by SIGTERM; saved after step {saved(tmp_path)} of 100000")
    assert none_left(tmp_path)

    before = saved(tmp_path)
    assert before >= 10
    run = start(tmp_path, LONG.replace("devices: 2", "devices: 1"))  # goes on from what two have learned
    assert before < saved(tmp_path)
    assert not second_ranks(tmp_path)
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 130
    log = max(tmp_path.glob("results/cells/*/steps.jsonl")).read_text().splitlines()
    steps = [json.loads(line)["step"] for line in log]
    assert steps == sorted(set(steps))
    assert steps[0] == 1  # and not once more


def ended(folder: Path) -> tuple[str, str]:
    said = json.loads(max(folder.glob("results/cells/*/attempts/*.json")).read_text())
    return said["status"], said["message"]


def test_what_cannot_be_divided_is_refused_with_its_line(harness: Harness, tmp_path: Path) -> None:
    methods = "classify}, {use: moco, bn_splits: 3, queue_size: 64}, {use: supervised, budget: {batch_size: 15}"
    suite(tmp_path, SUITE.replace("METHOD", methods))
    refused = harness("run", *ARGUMENTS, "--results", "results", code=2)
    for says in (
        "this method is not made for 2 devices",
        "moco's bn_splits is 3: on 2 devices it must be a multiple of 2",
        "a batch of 15 cannot be divided evenly over 2 devices",
    ):
        (line,) = [line for line in refused.stderr.splitlines() if says in line]
        assert "suite.yaml:3" in line
    assert not list(tmp_path.glob("results/cells/*/attempts/*"))


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ("devices: 0", "devices must be between 1 and 1024"),
        ("devices: 2, compile: true", "compile works on one device"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(budget: str, says: str, harness: Harness, tmp_path: Path) -> None:
    suite(tmp_path, SUITE.replace("devices: 2", budget).replace("METHOD", "supervised"))
    assert says in harness("plan", "suite.yaml", code=2).stderr
