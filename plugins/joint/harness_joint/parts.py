"""What joint-embedding methods share: two views through a backbone and a projector, and parts of MoCo and SimCLR.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from harness_moco.momentum import enqueue, follow, frozen_copy, momentum_at
from harness_moco.v3 import mlp, own_among_all
from harness_simclr.method import other_views, similarities
from torch import Tensor, nn

from harness import Backbone, Data, Method, Views, gather

__all__ = [
    "TwoViews",
    "enqueue",
    "follow",
    "frozen_at_first",
    "frozen_copy",
    "mlp",
    "momentum_at",
    "off_diagonal",
    "other_views",
    "own_among_all",
    "products",
    "similarities",
    "sinkhorn",
]


class TwoViews(Method):
    """Two views of each sample, which pass backbone and projector apart, with batch-norm statistics of their own.

    widths: those of the projector's layers. The config has `augment`.
    """

    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Any, data: Data, *widths: int) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(2, config.augment)
        self.projector = nn.Sequential(*mlp(cast(Backbone, backbone).feature_dim, *widths))

    def projected(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """(2, N, ...) -> twice (N, D): on several devices, of the own samples."""
        one, other = (self.projector(self.backbone(view)) for view in views)
        return one, other

    def projected_by_all(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """(2, N, ...) -> twice (N, D), in float32: on several devices, of the samples of all."""
        one, other = (gather(each.float()) for each in self.projected(views))
        return one, other


def products(one: Tensor, other: Tensor) -> Tensor:
    """Sums over samples of the products of all dimensions, in float32: (N, D), (N, E) -> (D, E)."""
    with torch.autocast(one.device.type, enabled=False):  # bf16 is too coarse for sums that shall be 0
        return one.T @ other


def off_diagonal(matrix: Tensor) -> Tensor:
    """The square matrix with zeros on its diagonal."""
    return matrix - matrix.diagonal().diag()


def sinkhorn(similarities: Tensor, entropy: float, rounds: int) -> Tensor:
    """The plan (N, M) that is large where the similarities (N, M) are, while all columns have about one sum, 1/M, and
    all rows exactly 1/N (Cuturi 2013, arXiv:1306.0895): columns and rows are scaled in turn. On several devices, give
    it the similarities of all."""
    plan = (similarities / entropy).exp()
    for _ in range(rounds):
        plan = plan / (plan.sum(0) * plan.shape[1])
        plan = plan / (plan.sum(1, keepdim=True) * len(plan))
    return plan


def frozen_at_first(weight: Tensor, steps: Tensor, frozen: int) -> Tensor:
    """The weight, which gets a gradient of zeros until `steps`, a buffer that counts those taken, is `frozen`."""
    learns = (steps >= frozen).to(weight.dtype)
    return weight.detach() + learns * (weight - weight.detach())
