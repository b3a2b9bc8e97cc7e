"""Published results of MoCo on CIFAR-10 with ResNet-18."""

from __future__ import annotations

from harness import Published

_LIGHTLY = "lightly's benchmark table"
_DEMO = "the CIFAR demo of MoCo's authors"
_SOLO = "solo-learn's results table"
_BEST = "there the best of all epochs on the test split, of one seed"
_ALONG = "there the linear classifier learns along with the encoder"


def _cifar10(evaluator: str, epochs: int, batch: int, value: float, source: str, note: str = "") -> Published:
    return Published(
        {"dataset": "cifar10", "backbone": "resnet18", "evaluator": evaluator, "budget.epochs": epochs},
        value,
        source,
        protocol={"budget.batch_size": batch},
        note=note,
    )


PUBLISHED_V2 = (
    _cifar10("knn", 200, 128, 0.838, _LIGHTLY, _BEST),
    _cifar10("knn", 800, 512, 0.899, _LIGHTLY, _BEST),
    _cifar10("knn", 200, 512, 0.826, _DEMO),
    _cifar10("knn", 400, 512, 0.863, _DEMO),
    _cifar10("knn", 800, 512, 0.887, _DEMO),
    _cifar10("linear", 1000, 256, 0.9294, _SOLO, _ALONG),
)
PUBLISHED_V3 = (_cifar10("linear", 1000, 256, 0.9310, _SOLO, _ALONG),)
