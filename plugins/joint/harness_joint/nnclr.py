"""NNCLR: nearest-neighbour contrastive learning of visual representations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Data, gather
from harness_joint import NNCLRConfig
from harness_joint.parts import TwoViews, enqueue, mlp, own_among_all


class NNCLR(TwoViews):
    """Contrast, where the positive of a view is the nearest neighbour of the other view among projections of earlier
    batches (Dwibedi et al. 2021, arXiv:2104.14548)."""

    config: NNCLRConfig
    queue: Tensor  # (queue_size, projection_dim), rows of length 1: the support set
    place: Tensor  # where the next key goes

    def __init__(self, backbone: nn.Module, config: NNCLRConfig, data: Data) -> None:
        width = config.projection_dim
        super().__init__(backbone, config, data, config.hidden_dim, config.hidden_dim, width)
        self.projector.append(nn.BatchNorm1d(width))
        self.predictor = nn.Sequential(*mlp(width, config.predictor_dim, width))
        self.register_buffer("queue", F.normalize(torch.randn(config.queue_size, width), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))
        self.newest_keys = torch.empty(0, width)  # of the last batch, on their way to the queue

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W). Eq. 4 in both directions, among the samples of all devices."""
        z = self.projected(views)
        one, other = (gather(self.predictor(each)) for each in z)
        keys = [gather(F.normalize(each.detach().float(), dim=1)) for each in z]
        self.newest_keys = keys[0]
        near_one, near_other = (nearest(each, self.queue) for each in keys)
        temperature = self.config.temperature
        return (own_among_all(near_one, other, temperature) + own_among_all(near_other, one, temperature)) / 2

    def after_step(self, step: int, steps: int) -> None:  # noqa: ARG002 (the queue moves alike at each step)
        """The first view's projections join the queue: never before the loss that they belong to."""
        enqueue(self.queue, self.place, self.newest_keys)


@torch.no_grad()
def nearest(keys: Tensor, queue: Tensor) -> Tensor:
    """Eq. 3: of each key (N, D), the nearest row of the queue (K, D); all of length 1."""
    with torch.autocast(keys.device.type, enabled=False):
        return queue[(keys @ queue.T).argmax(1)]
