"""A training inside an evaluation: it goes on where a job was stopped, and leaves nothing behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SUITE, Harness, install

PLUGIN = """\
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch
from harness import Budget, Evaluator, Labelled, Method, Metric, fine_tune, hookimpl, option


@dataclass(frozen=True)
class Config:
    stops: bool = option(False, "whether the job is told to stop in the third step, once")


class Head(Method):
    def __init__(self, config, data):
        super().__init__(torch.nn.Flatten(), config, data)
        self.batches = Labelled()
        self.layer = torch.nn.LazyLinear(len(data.train.classes))
        self.layer(data.inputs(data.train.samples[:1]).flatten(1))
        self.steps = 0

    def loss(self, batch):
        self.steps += 1
        stopped = Path(os.environ["STOPPED"])
        if self.config.stops and self.steps == 3 and not stopped.exists():
            stopped.touch()
            os.kill(os.getpid(), signal.SIGTERM)
        noise = 1 + 0.1 * torch.rand(())
        return torch.nn.functional.cross_entropy(noise * self.layer(batch.inputs.flatten(1)), batch.labels)


class Tuned(Evaluator):
    fits_samples = False

    def evaluate(self, trained):
        torch.manual_seed(0)
        head = Head(self.config, trained.data)
        fine_tune(trained, head, trained.data, Budget(steps=6, batch_size=8, lr=0.1), seed=0)
        return {"steps": Metric.mean(torch.full((2,), float(head.steps)), "pair"),
                "weights": Metric.mean(head.layer.weight.detach().flatten(), "weight")}


@hookimpl
def register_evaluators(register):
    register("tuned", "plugin_tuned:Tuned", Config, summary="A linear layer")
"""


def test_a_stopped_evaluation_goes_on_from_its_checkpoint(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    install(tmp_path, "tuned", PLUGIN)
    tuned = "  whole: {use: tuned, data: digits}\n  once: {use: tuned, stops: true, data: digits}\n"
    path = suite(
        SUITE.replace("classify, idle", "idle")
        .replace("[0, 1]", "[0]")
        .replace("nearest: {}", "nearest: {data: digits}")
        + tuned
    )
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]),
        "STOPPED": str(tmp_path / "stopped"),
    }
    scores = tmp_path / "results" / "toy" / "cells"
    harness("run", path, env=env, code=1)
    assert len(list(scores.glob("*/evaluations/*.checkpoint.pt"))) == 1
    harness("run", path, env=env)
    records = [json.loads(file.read_text()) for file in scores.glob("*/evaluations/*.json")]
    found = {record["label"]: record["metrics"] for record in records}
    assert [found[name]["steps"]["value"] for name in ("once", "whole")] == [3, 6]
    assert found["once"]["weights"] == found["whole"]["weights"]
    assert not list(scores.glob("*/evaluations/*.checkpoint.pt"))
    assert "resized" in found["nearest"]["accuracy"]["protocol"]
    assert "resized" not in found["whole"]["weights"]["protocol"]
