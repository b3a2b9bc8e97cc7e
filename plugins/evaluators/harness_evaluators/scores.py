"""Converts the predictions of `knn` and `linear` to metrics."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from harness import Metric, Split

IMBALANCE = 2  # how many times the smallest class the largest may be, before accuracy alone misleads


def accuracies(
    predictions: Tensor,
    split: Split,
    bound: Metric | None = None,
    details: Mapping[str, str | float | bool] | None = None,
) -> dict[str, Metric]:
    """Accuracy over images of predictions (N,), with its bound; where classes differ much in size, balanced accuracy.

    Balanced accuracy is the mean of the classes' recalls: an image of class c counts N / (classes * size of c) times.
    Classes without an image do not count.
    """
    hits = (predictions == split.labels).float()
    found = {"accuracy": Metric.mean(hits, "sample", bound=bound, details=details, shown="percent")}
    sizes = torch.bincount(split.labels)
    sizes = sizes[sizes > 0]
    if sizes.max() > IMBALANCE * sizes.min():
        weights = len(hits) / (len(sizes) * torch.bincount(split.labels)[split.labels].float())
        found["balanced accuracy"] = Metric.mean(hits * weights, "sample", shown="percent")
    return found
