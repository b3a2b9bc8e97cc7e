"""BYOL: bootstrap your own latent."""

from __future__ import annotations

from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data
from harness_joint import BYOLConfig
from harness_joint.parts import TwoViews, follow, frozen_copy, mlp, momentum_at


class BYOL(TwoViews):
    """Predict the target network's projection of the other view (Grill et al. 2020, arXiv:2006.07733). The target is a
    copy of encoder and projector that follows them ever more slowly; `encode` uses the encoder itself."""

    config: BYOLConfig

    def __init__(self, backbone: nn.Module, config: BYOLConfig, data: Data) -> None:
        super().__init__(backbone, config, data, config.hidden_dim, config.projection_dim)
        self.predictor = nn.Sequential(*mlp(config.projection_dim, config.hidden_dim, config.projection_dim))
        self.target = frozen_copy(backbone, self.projector)

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W). Eq. 2 in both directions."""
        one, other = (self.predictor(z) for z in self.projected(views))
        with torch.no_grad():
            target_one, target_other = (self.target(view) for view in views)
        return squared_error(one, target_other) + squared_error(other, target_one)

    def after_step(self, step: int, steps: int) -> None:
        """The target follows; its momentum rises from the option's to 1 (section 3.2)."""
        online = chain(self.backbone.parameters(), self.projector.parameters())
        follow(self.target.parameters(), online, momentum_at(step, steps, self.config.momentum))


def squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """Eq. 2: the mean squared distance between rows (N, D) of length 1, which is 2 - 2 cos, in float32."""
    return 2 - 2 * F.cosine_similarity(predictions.float(), targets.float(), dim=1).mean()
