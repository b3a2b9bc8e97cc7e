"""Barlow Twins: self-supervised learning by redundancy reduction."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data
from harness_joint import BarlowTwinsConfig
from harness_joint.parts import TwoViews, off_diagonal, products


class BarlowTwins(TwoViews):
    """Make the correlations between the projections of two views those of the identity (Zbontar et al. 2021,
    arXiv:2103.03230)."""

    config: BarlowTwinsConfig

    def __init__(self, backbone: nn.Module, config: BarlowTwinsConfig, data: Data) -> None:
        width = config.projection_dim
        super().__init__(backbone, config, data, width, width, width)

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W). Eq. 1, over the samples of all devices."""
        correlations = cross_correlation(*self.projected_by_all(views))
        invariance = (1 - correlations.diagonal()).square().sum()
        redundancy = off_diagonal(correlations).square().sum()
        loss = invariance + self.config.redundancy_weight * redundancy
        return {"loss": loss, "invariance": invariance, "redundancy": redundancy}


def cross_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Eq. 2: the correlation of each dimension of one view (N, D) with each of the other, over N samples: (D, D)."""
    return products(*(F.normalize(z - z.mean(0), dim=0) for z in (one, other)))
