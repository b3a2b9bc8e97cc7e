"""VICReg: variance-invariance-covariance regularisation."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data
from harness_joint import VICRegConfig
from harness_joint.parts import TwoViews, off_diagonal, products

EPSILON = 1e-4  # of eq. 1, beside the variance


class VICReg(TwoViews):
    """Bring the projections of two views together, while each dimension keeps its spread and none repeats another
    (Bardes et al. 2022, arXiv:2105.04906, algorithm 1)."""

    config: VICRegConfig

    def __init__(self, backbone: nn.Module, config: VICRegConfig, data: Data) -> None:
        width = config.projection_dim
        super().__init__(backbone, config, data, width, width, width)

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W). Eq. 6, over the samples of all devices."""
        one, other = self.projected_by_all(views)
        invariance = F.mse_loss(one, other)
        var = variance(one) + variance(other)
        cov = covariance(one) + covariance(other)
        weights = self.config
        loss = weights.invariance_weight * invariance + weights.variance_weight * var + weights.covariance_weight * cov
        return {"loss": loss, "invariance": invariance, "variance": var, "covariance": cov}


def variance(z: Tensor) -> Tensor:
    """Eqs. 1 and 2: by how much the standard deviation of each dimension of z (N, D) is below 1, on the mean."""
    return F.relu(1 - (z.var(0) + EPSILON).sqrt()).mean()


def covariance(z: Tensor) -> Tensor:
    """Eqs. 3 and 4: the squared covariances of different dimensions of z (N, D), summed and divided by D."""
    centred = z - z.mean(0)
    matrix = products(centred, centred) / (len(z) - 1)
    return off_diagonal(matrix).square().sum() / z.shape[1]
