"""SLDA: streaming linear discriminant analysis."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHRINKAGE = 1e-4  # epsilon of the paper


class SLDA:
    """Running class means and one running covariance of all classes (Hayes and Kanan 2020, arXiv:1909.01520).

    Two deviations. The covariance is exactly that around the class means: a sample's deviation from the mean of the n
    samples of its class before it weighs n / (n + 1), where the paper has n of all classes. And it shrinks towards the
    mean variance instead of 1, so that the scale of features does not count.
    """

    def __init__(self, ways: int) -> None:
        self.ways = ways
        self.counts = self.means = self.scatter = torch.empty(0)

    def update(self, features: Tensor, labels: Tensor) -> None:
        """`features` (E, S, D) and `labels` (E, S): one sample of each stream after the other."""
        features = features.double()  # sums of squares
        if not self.counts.numel():
            streams, _, width = features.shape
            self.counts = features.new_zeros(streams, self.ways)
            self.means = features.new_zeros(streams, self.ways, width)
            self.scatter = features.new_zeros(streams, width, width)
        each = torch.arange(len(features), device=features.device)
        for sample, label in zip(features.unbind(1), labels.unbind(1), strict=True):
            count = self.counts[each, label][:, None]
            apart = sample - self.means[each, label]
            self.scatter += (count / (count + 1))[..., None] * apart[:, :, None] * apart[:, None]
            self.means[each, label] += apart / (count + 1)
            self.counts[each, label] += 1

    def covariance(self) -> Tensor:
        """Mean product of deviations from the class means (E, D, D)."""
        return self.scatter / self.counts.sum(1)[:, None, None]

    def predict(self, features: Tensor) -> Tensor:
        """Logits (E, Q, ways) of `features` (E, Q, D), up to a constant for each query: w·x + b of each class, with
        w = inverse covariance times mean and b = -w·mean / 2."""
        covariance = self.covariance()
        width = covariance.shape[-1]
        variance = covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        variance = torch.where(variance > 0, variance, 1.0)  # 0 after samples that are all alike
        eye = torch.eye(width, device=covariance.device, dtype=covariance.dtype)
        shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * variance * eye
        weight = torch.linalg.solve(shrunk, self.means.mT).mT
        logits = features.double() @ weight.mT - (weight * self.means).sum(2)[:, None] / 2
        return F.log_softmax(logits, dim=2).float()  # in float32 and large, close logits would be the same
