"""Published results of few-shot methods. Each was trained for the setting that it is scored in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness import Published

Setting = tuple[int, int]  # ways, shots
Score = tuple[float, float | None]  # accuracy, half of its 95 % interval
CONV4 = {"backbone": "conv4"}


def _results(
    dataset: Mapping[str, Any],
    source: str,
    scores: Mapping[Setting, Score],
    protocol: Mapping[str, Any],
    note: str,
    *,
    as_many_shots: bool,
) -> tuple[Published, ...]:
    """`as_many_shots`: whether a training task has as many shots as the evaluation."""
    return tuple(
        Published(
            {**dataset, "method.ways": ways, "evaluator": "fewshot", "evaluator.ways": ways, "evaluator.shots": shots},
            value,
            source,
            half_width,
            protocol={**protocol, **({"method.shots": shots} if as_many_shots else {})},
            note=note,
        )
        for (ways, shots), (value, half_width) in scores.items()
    )


OMNIGLOT = {"dataset": "omniglot", "dataset.split": "vinyals"}
CIFAR_FS = {"dataset": "cifar_fs"}

MATCHING = _results(
    OMNIGLOT,
    "Vinyals et al. 2016, arXiv:1606.04080, table 1",
    {(5, 1): (0.981, None), (5, 5): (0.989, None), (20, 1): (0.938, None), (20, 5): (0.985, None)},
    {**CONV4, "backbone.variant": "pool", "dataset.rotations": True, "method.scale": 1.0},
    "there 1,200 characters drawn at random to train on",
    as_many_shots=True,
)
RELATION = (
    *_results(
        OMNIGLOT,
        "Sung et al. 2018, arXiv:1711.06025, table 1",
        {(5, 1): (0.996, 0.002), (5, 5): (0.998, 0.001), (20, 1): (0.976, 0.002), (20, 5): (0.991, 0.001)},
        {"dataset.rotations": True, "budget.lr": 0.001},
        "there convolutions compare feature maps, of a network that pools twice",
        as_many_shots=True,
    ),
    *_results(
        CIFAR_FS,
        "Bertinetto et al. 2018, arXiv:1805.08136v1",
        {(5, 1): (0.550, None), (5, 5): (0.693, None)},
        {},
        "there convolutions compare feature maps, of a network that pools twice",
        as_many_shots=True,
    ),
)
R2D2 = _results(
    CIFAR_FS,
    "Bertinetto et al. 2018, arXiv:1805.08136v1",
    {(5, 1): (0.600, None), (5, 5): (0.761, None)},
    CONV4,
    "the first version of the paper, with as many filters as here; wider networks score more",
    as_many_shots=False,
)
REPTILE = _results(
    OMNIGLOT,
    "Nichol et al. 2018, arXiv:1803.02999, table 2",
    {(5, 1): (0.9539, 0.0009), (5, 5): (0.9890, 0.0010), (20, 1): (0.8814, 0.0015), (20, 5): (0.9665, 0.0033)},
    {**CONV4, "backbone.variant": "stride", "dataset.rotations": True, "budget.steps": 100000, "budget.lr": 1.0},
    "there another split",
    as_many_shots=False,
)
META_SGD = _results(
    OMNIGLOT,
    "Li et al. 2017, arXiv:1707.09835",
    {(5, 1): (0.9953, 0.0026), (5, 5): (0.9993, 0.0009)},
    {**CONV4, "backbone.variant": "stride", "method.inner_steps": 1, "method.batch_norm": "transductive"},
    "there another split, and rates that begin at random",
    as_many_shots=True,
)
