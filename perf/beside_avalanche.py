"""A stream that avalanche-lib trains and measures, to compare the metrics of `continual` with its metrics

Five tasks of two classes of Gaussian points, a small network, plain SGD (`Naive`). It writes the accuracies after each
task and avalanche's metrics of them, which plugins/continual/tests/test_beside_avalanche.py compares with ours. In an
environment of its own:

    uv run --no-project --python 3.11 --with avalanche-lib==0.6.0 --with setuptools python perf/beside_avalanche.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.benchmarks.utils import as_classification_dataset
from avalanche.evaluation.metrics import accuracy_metrics, bwt_metrics, forgetting_metrics, forward_transfer_metrics
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import Tensor, nn
from torch.utils.data import TensorDataset

OUT = Path(__file__).parent / "results" / "beside-avalanche.json"
TASKS, CLASSES, WIDTH = 5, 10, 16
STREAM = {
    "final": "Top1_Acc_Stream/eval_phase/test_stream/Task000",
    "forgetting": "StreamForgetting/eval_phase/test_stream",
    "backward": "StreamBWT/eval_phase/test_stream",
    "forward": "StreamForwardTransfer/eval_phase/test_stream",
}


def main() -> None:
    torch.manual_seed(0)
    centres = 2 * torch.randn(CLASSES, WIDTH)
    stream = nc_benchmark(points(centres, 50), points(centres, 40), n_experiences=TASKS, task_labels=False, seed=0)
    network = nn.Sequential(nn.Linear(WIDTH, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    measured = EvaluationPlugin(
        accuracy_metrics(experience=True, stream=True),
        forgetting_metrics(stream=True),
        bwt_metrics(stream=True),
        forward_transfer_metrics(stream=True),
        loggers=[],
        strict_checks=False,
    )
    learner = Naive(
        model=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.02),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=10,
        train_epochs=1,
        evaluator=measured,
        eval_every=0,
    )
    before = accuracies(learner.eval(stream.test_stream))
    after = []
    for experience in stream.train_stream:
        learner.train(experience, eval_streams=[stream.test_stream])
        metrics = learner.eval(stream.test_stream)
        after.append(accuracies(metrics))
    theirs = {name: float(metrics[key]) for name, key in STREAM.items()}
    found = {"avalanche-lib": version("avalanche-lib"), "before": before, "after": after, "theirs": theirs}
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def points(centres: Tensor, each: int) -> object:
    labels = torch.arange(CLASSES).repeat_interleave(each)
    data = TensorDataset(centres[labels] + torch.randn(len(labels), WIDTH), labels)
    data.targets = labels.tolist()  # type: ignore[attr-defined]  # which avalanche reads
    return as_classification_dataset(data)


def accuracies(metrics: Mapping[str, object]) -> list[float]:
    """On each task's test split."""
    keys = [f"Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp{task:03d}" for task in range(TASKS)]
    return [float(metrics[key]) for key in keys]  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
