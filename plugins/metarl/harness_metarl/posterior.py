"""Gaussian posteriors over the latent variable of a task."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST = 1e-7  # of a variance, as in the authors' code


class Gaussian(NamedTuple):
    """Independent dimensions, (..., D)."""

    mean: Tensor
    variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """A sample, by noise (..., D) of the standard normal distribution."""
        return self.mean + self.variance.sqrt() * noise


def product(factors: Gaussian) -> Gaussian:
    """The normalised product of Gaussians (..., C, D) over C: precisions add up, and means are weighted by them."""
    precision = 1 / factors.variance.clamp_min(LEAST)
    variance = 1 / precision.sum(-2)
    return Gaussian(variance * (factors.mean * precision).sum(-2), variance)


def kl_from_standard(posterior: Gaussian) -> Tensor:
    """KL(posterior || N(0, 1)), summed over dimensions (...)."""
    mean, variance = posterior
    return 0.5 * (variance + mean.square() - 1 - torch.log(variance)).sum(-1)
