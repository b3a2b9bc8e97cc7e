"""SimCLR: a simple framework for contrastive learning of visual representations."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Method, Views, gather
from harness_simclr import Config


class SimCLR(Method):
    """Contrast two views of each image with all other images of the batch (Chen et al. 2020, arXiv:2002.05709)."""

    config: Config
    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(2, config.augment)
        features = cast(Backbone, backbone).feature_dim
        self.projector = projector(features, config.hidden_dim or features, config.projection_dim)

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W). Both views pass as one batch, so that they share batch-norm statistics."""
        return nt_xent(self.projected(views), self.config.temperature)

    def projected(self, views: Tensor) -> Tensor:
        """(2, N, ...) -> (2N, D), row i + N the other view of row i; on several devices, of all their samples."""
        z = self.projector(self.backbone(views.flatten(0, 1)))
        return gather(z.unflatten(0, views.shape[:2]), 1).flatten(0, 1)  # view by view, as of one device


def projector(features: int, hidden: int, outputs: int) -> nn.Sequential:
    """The projection head g of section 2.1, with batch norm after both layers as in the authors' code."""
    return nn.Sequential(
        nn.Linear(features, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs, bias=False),
        nn.BatchNorm1d(outputs),
    )


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """NT-Xent, eq. 1: z (2N, D), rows i and i + N are the views of one image -> scalar, in float32."""
    logits = similarities(z, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, other_views(z))


def similarities(z: Tensor, temperature: float) -> Tensor:
    """Cosines of all pairs of rows over the temperature, in float32: (M, D) -> (M, M)."""
    z = F.normalize(z.float(), dim=1)
    with torch.autocast(z.device.type, enabled=False):  # bf16, divided by a small temperature, is too coarse
        return z @ z.T / temperature


def other_views(z: Tensor) -> Tensor:
    """Of each row of z (2N, D), the number of the row that is the other view of its image."""
    return torch.arange(len(z), device=z.device).roll(len(z) // 2)
