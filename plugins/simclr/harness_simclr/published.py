"""Published results of SimCLR on CIFAR-10 with ResNet-18."""

from __future__ import annotations

from harness import Published

_LIGHTLY = "lightly's benchmark table"
_KOBAK = "github.com/dkobak/simclr-cifar10"
_SOLO = "solo-learn's results table"
_BEST = "there the best of all epochs on the test split, of one seed"


def _cifar10(evaluator: str, epochs: int, batch: int | None, value: float, source: str, note: str = "") -> Published:
    return Published(
        {"dataset": "cifar10", "backbone": "resnet18", "evaluator": evaluator, "budget.epochs": epochs},
        value,
        source,
        protocol={"budget.batch_size": batch} if batch else {},
        note=note,
    )


PUBLISHED = (
    _cifar10("knn", 200, 128, 0.847, _LIGHTLY, _BEST),
    _cifar10("knn", 800, 512, 0.879, _LIGHTLY, _BEST),
    _cifar10("knn", 100, None, 0.832, _KOBAK),
    _cifar10("linear", 100, None, 0.856, _KOBAK),
    _cifar10("knn", 500, None, 0.903, _KOBAK),
    _cifar10("linear", 1000, 256, 0.9074, _SOLO, "there the linear classifier learns along with the encoder"),
)
