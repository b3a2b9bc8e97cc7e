"""A training inside an evaluation: it goes on where a job was stopped, and leaves nothing behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import SUITE, Harness, install

PLUGIN = """\
import os
import signal
from pathlib import Path

import torch
from harness import Budget, Evaluator, Labelled, Method, Metric, fine_tune, hookimpl


class Head(Method):
    def __init__(self, data):
        super().__init__(torch.nn.Flatten(), None, data)
        self.batches = Labelled()
        self.layer = torch.nn.LazyLinear(len(data.train.classes))
        self.layer(data.inputs(data.train.samples[:1]).flatten(1))
        self.steps = 0

    def loss(self, batch):
        self.steps += 1
        stopped = Path(os.environ["STOPPED"])
        if self.steps == 3 and not stopped.exists():
            stopped.touch()
            os.kill(os.getpid(), signal.SIGTERM)
        noise = 1 + 0.1 * torch.rand(())
        return torch.nn.functional.cross_entropy(noise * self.layer(batch.inputs.flatten(1)), batch.labels)


class Tuned(Evaluator):
    fits_samples = False

    def evaluate(self, trained):
        torch.manual_seed(0)
        head = Head(trained.data)
        fine_tune(trained, head, trained.data, Budget(steps=6, batch_size=8, lr=0.1), seed=0)
        return {"steps": Metric.mean(torch.full((2,), float(head.steps)), "pair"),
                "weights": Metric.mean(head.layer.weight.detach().flatten(), "weight")}


@hookimpl
def register_evaluators(register):
    register("tuned", "plugin_tuned:Tuned", summary="A linear layer")
"""


def test_a_stopped_evaluation_goes_on_from_its_checkpoint(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    install(tmp_path, "tuned", PLUGIN)
    path = suite(SUITE.replace("classify, idle", "idle").replace("[0, 1]", "[0]") + "  tuned: {data: digits}\n")
    env = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]),
        "STOPPED": str(tmp_path / "stopped"),
    }

    def scored(results: str) -> dict[str, Any]:
        [record] = [
            found
            for file in (tmp_path / results).glob("cells/*/evaluations/*.json")
            if (found := json.loads(file.read_text()))["label"] == "tuned"
        ]
        return dict(record["metrics"])

    harness("run", path, "--results", "stopped_once", env=env, code=1)
    assert len(list((tmp_path / "stopped_once").glob("cells/*/evaluations/*.checkpoint.pt"))) == 1
    harness("run", path, "--results", "stopped_once", env=env)
    harness("run", path, "--results", "whole", env=env)
    once, whole = scored("stopped_once"), scored("whole")
    assert (once["steps"]["value"], whole["steps"]["value"]) == (3, 6)
    assert once["weights"] == whole["weights"]
    assert not list(tmp_path.glob("*/cells/*/evaluations/*.checkpoint.pt"))
    assert "resized" not in whole["weights"]["protocol"]
