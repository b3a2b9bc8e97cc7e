"""The linear probe beside scikit-learn's logistic regression, at nine sizes

Features of CIFAR-10: the means over space of 64 random filters after a ReLU, and random ReLU expansions of them to 512
and 2,048. Accuracy in % on the 10,000 test images, means over 10, 5 and 1 draws of the samples; one thread.

- **best**: `LogisticRegression` on the same standardised features, the best of six values of C *on the test images*,
  which no probe may look at: a bound, and no rival.
- **best − linear**: the difference, with the maximum over draws in brackets.
- **scikit-learn, s**: the six fits alone; what `linear` takes has the choice by held-out samples in it.
- **earlier probe**: the former probe by SGD (90 epochs, rates .03, .1 and .3), if `--before` names its file, from
  `git show 0d49ec9:plugins/evaluators/harness_evaluators/linear.py`.

    uv run python perf/probe.py --data data/cifar10.npz --before before.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
import warnings
from collections import Counter
from copy import copy
from pathlib import Path
from statistics import mean
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from harness_evaluators import LinearConfig
from harness_evaluators.linear import probe, standardiser
from machine import describe
from sklearn.linear_model import LogisticRegression
from torch import Tensor

CANDIDATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)  # C = 1 / (samples * penalty)
WIDTHS = (64, 512, 2048)
DRAWS = {100: 10, 1000: 5, 10_000: 1}
SGD = SimpleNamespace(epochs=90, batch_size=256, learning_rates=(0.03, 0.1, 0.3), seed=0)
HEAD = (
    "| samples | features | linear | best | best − linear (max) | earlier probe "
    "| linear, s | scikit-learn, s | earlier probe, s | strengths chosen | at edge |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as arrays: train_images, train_labels, ...")
    parser.add_argument("--before", type=Path, help="linear.py of a version that trained by SGD")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # LogisticRegression says that it was stopped
    before = load(arguments.before).probe if arguments.before else None
    arrays = np.load(arguments.data)
    train, test = (widened(images_of(arrays[f"{split}_images"])) for split in ("train", "test"))
    labels, answers = (torch.from_numpy(arrays[f"{split}_labels"]).long() for split in ("train", "test"))
    print(json.dumps(describe()), HEAD, "|--:" * 9 + "|---|--:|", sep="\n")
    for samples, draws in DRAWS.items():
        for width in WIDTHS:
            picks = [torch.randperm(len(labels), generator=seeded(i))[:samples] for i in range(draws)]
            results = [compare(train[width][at], labels[at], test[width], answers, before) for at in picks]
            print(row(samples, width, results), flush=True)


def compare(x: Tensor, y: Tensor, test: Tensor, answers: Tensor, before: Any) -> dict[str, Any]:
    """Accuracies in % and seconds of one draw."""
    scale = standardiser(x)
    x, test = scale(x), scale(test)

    def score(weights: Tensor) -> float:
        return 100 * float(((test @ weights).argmax(1) == answers).float().mean())

    config = LinearConfig()
    ours, seconds = timed(lambda: probe(x, y, 10, config))
    result = {"ours": score(ours.weights), "seconds": seconds, "strength": ours.strength}
    result["edge"] = ours.strength in (min(config.strengths), max(config.strengths))
    if before:
        weights, seconds = timed(lambda: before(x, y, 10, SGD))
        result |= {"before": score(weights), "seconds before": seconds}
    fits, seconds = timed(lambda: candidates(x[:, :-1].numpy(), y.numpy()))
    best = max(100 * each.score(test[:, :-1].numpy(), answers.numpy()) for each in fits)
    return {**result, "best": best, "seconds scikit": seconds}


def candidates(x: Any, y: Any) -> list[LogisticRegression]:
    """One fit for each value of C, each from the weights of the one before."""
    model, fits = LogisticRegression(max_iter=300, warm_start=True), []
    for each in CANDIDATES:
        model.C = each
        fits.append(copy(model.fit(x, y)))
    return fits


def row(samples: int, width: int, results: list[dict[str, Any]]) -> str:
    def over(name: str, digits: int) -> str:
        return f"{mean(each[name] for each in results):.{digits}f}" if name in results[0] else "–"

    lost = [each["best"] - each["ours"] for each in results]
    counts = Counter(each["strength"] for each in results)
    strengths = ", ".join(f"{strength:g}" + f" ({n})" * (len(results) > 1) for strength, n in sorted(counts.items()))
    cells = [f"{samples:,}", f"{width:,}", over("ours", 1), over("best", 1), f"{mean(lost):.1f} ({max(lost):.1f})"]
    cells += [
        over("before", 1),
        over("seconds", 3),
        over("seconds scikit", 3),
        over("seconds before", 3),
        strengths,
    ]
    return f"| {' | '.join(cells)} | {sum(each['edge'] for each in results)} of {len(results)} |"


def timed(call: Any) -> tuple[Any, float]:
    """What it gives, and the least seconds of two calls."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - started)
    return result, min(seconds)


def images_of(images: Any) -> Tensor:
    """uint8 (N, 32, 32, 3) -> features (N, 64)."""
    filters = torch.randn(64, 3, 6, 6, generator=seeded(0))
    filters /= filters.flatten(1).norm(dim=1)[:, None, None, None]
    chunks = torch.from_numpy(images).permute(0, 3, 1, 2).split(500)
    return torch.cat(
        [torch.nn.functional.conv2d((c / 255 - 0.45) / 0.25, filters, stride=2).relu().mean((2, 3)) for c in chunks]
    )


def widened(features: Tensor) -> dict[int, Tensor]:
    """Features (N, 64) and their random ReLU expansions, by width."""
    features = (features - features.mean(0)) / features.std(0)
    wider = {width: torch.randn(64, width, generator=seeded(width)) / 8 for width in WIDTHS[1:]}
    return {64: features, **{width: (features @ each).relu() for width, each in wider.items()}}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("before", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
