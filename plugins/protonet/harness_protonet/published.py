"""Published results of prototypical networks."""

from __future__ import annotations

from harness import Published


def _omniglot(ways: int, shots: int, value: float) -> Published:
    return Published(
        {
            "dataset": "omniglot",
            "dataset.split": "vinyals",
            "evaluator": "fewshot",
            "evaluator.ways": ways,
            "evaluator.shots": shots,
            "method.shots": shots,
        },
        value,
        "Snell et al. 2017, arXiv:1703.05175, table 1",
        protocol={
            "backbone": "conv4",
            "backbone.variant": "pool",
            "dataset.rotations": True,
            "method.ways": 60,
            "method.queries": 5,
            "evaluator.episodes": 1000,
            "budget.lr": 0.001,
            "budget.precision": "fp32",
            "budget.schedule": "halved every 2000 steps",
        },
        note="there until the validation classes improve no more, then on those as well",
    )


def _cifar_fs(shots: int, value: float, half_width: float) -> Published:
    return Published(
        {"dataset": "cifar_fs", "evaluator": "fewshot", "evaluator.ways": 5, "evaluator.shots": shots},
        value,
        "Bertinetto et al. 2019, arXiv:1805.08136",
        half_width,
        protocol={"backbone": "conv4", "method.shots": shots},
    )


PUBLISHED = (
    _omniglot(5, 1, 0.988),
    _omniglot(5, 5, 0.997),
    _omniglot(20, 1, 0.960),
    _omniglot(20, 5, 0.989),
    _cifar_fs(1, 0.555, 0.007),
    _cifar_fs(5, 0.720, 0.006),
)
