"""Published results of SimCLR on CIFAR-10 with ResNet-18.

Methods of other distributions may import `cifar10` and the names of tables from here."""

from __future__ import annotations

from harness import Published

LIGHTLY = "lightly's benchmark table"
KOBAK = "github.com/dkobak/simclr-cifar10"
SOLO = "solo-learn's results table"
BEST = "there the best of all epochs on the test split, of one seed"
ALONG = "there the linear classifier learns along with the encoder"


def cifar10(evaluator: str, epochs: int, batch: int | None, value: float, source: str, note: str = "") -> Published:
    """One result. `batch`: None, if the source does not say."""
    return Published(
        {"dataset": "cifar10", "backbone": "resnet18", "evaluator": evaluator, "budget.epochs": epochs},
        value,
        source,
        protocol={"budget.batch_size": batch} if batch else {},
        note=note,
    )


PUBLISHED = (
    cifar10("knn", 200, 128, 0.847, LIGHTLY, BEST),
    cifar10("knn", 800, 512, 0.879, LIGHTLY, BEST),
    cifar10("knn", 100, None, 0.832, KOBAK),
    cifar10("linear", 100, None, 0.856, KOBAK),
    cifar10("knn", 500, None, 0.903, KOBAK),
    cifar10("linear", 1000, 256, 0.9074, SOLO, ALONG),
)
