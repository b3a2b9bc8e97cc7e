"""BYOL, Barlow Twins and SwAV of lightly's parts, put together as its documentation's examples do."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, SwaVLoss
from lightly.models.modules import (
    BarlowTwinsProjectionHead,
    BYOLPredictionHead,
    BYOLProjectionHead,
    SwaVProjectionHead,
    SwaVPrototypes,
)
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.utils.scheduler import cosine_schedule
from torch import Tensor, nn


class Theirs(Protocol):
    """One of lightly's methods. `before` comes before each step's loss; `loss` is of the crops of one batch: the large
    ones first, each (N, C, H, W)."""

    backbone: nn.Module

    def before(self, step: int, steps: int) -> None: ...

    def loss(self, crops: list[Tensor]) -> Tensor: ...


class BYOL(nn.Module):
    """The momentum rises with each step, as in the paper; in the example, with each epoch."""

    def __init__(self, backbone: nn.Module, features: int, config: Any) -> None:
        super().__init__()
        self.momentum = config.momentum
        self.backbone = backbone
        self.projection_head = BYOLProjectionHead(features, config.hidden_dim, config.projection_dim)
        self.prediction_head = BYOLPredictionHead(config.projection_dim, config.hidden_dim, config.projection_dim)
        self.backbone_momentum = copy.deepcopy(self.backbone)
        self.projection_head_momentum = copy.deepcopy(self.projection_head)
        deactivate_requires_grad(self.backbone_momentum)
        deactivate_requires_grad(self.projection_head_momentum)
        self.criterion = NegativeCosineSimilarity()

    def before(self, step: int, steps: int) -> None:
        self.follow(cosine_schedule(step, steps, self.momentum, 1))

    def follow(self, momentum: float) -> None:
        update_momentum(self.backbone, self.backbone_momentum, m=momentum)
        update_momentum(self.projection_head, self.projection_head_momentum, m=momentum)

    def loss(self, crops: list[Tensor]) -> Tensor:
        p0, p1 = (self.prediction_head(self.projection_head(self.backbone(crop))) for crop in crops)
        z0, z1 = (self.projection_head_momentum(self.backbone_momentum(crop)).detach() for crop in crops)
        return 0.5 * (self.criterion(p0, z1) + self.criterion(p1, z0))


class BarlowTwins(nn.Module):
    def __init__(self, backbone: nn.Module, features: int, config: Any) -> None:
        super().__init__()
        width = config.projection_dim
        self.backbone = backbone
        self.projection_head = BarlowTwinsProjectionHead(features, width, width)
        self.criterion = BarlowTwinsLoss(config.redundancy_weight)

    def before(self, step: int, steps: int) -> None:
        """Nothing moves."""

    def loss(self, crops: list[Tensor]) -> Tensor:
        z0, z1 = (self.projection_head(self.backbone(crop)) for crop in crops)
        return self.criterion(z0, z1)


class SwAV(nn.Module):
    def __init__(self, backbone: nn.Module, features: int, config: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.projection_head = SwaVProjectionHead(features, config.hidden_dim, config.projection_dim)
        self.prototypes = SwaVPrototypes(config.projection_dim, config.prototypes)
        self.criterion = SwaVLoss(config.temperature, sinkhorn_epsilon=config.entropy)

    def before(self, step: int, steps: int) -> None:  # noqa: ARG002 (the same at each step)
        self.prototypes.normalize()

    def loss(self, crops: list[Tensor]) -> Tensor:
        """Each crop passes apart, as in the example."""
        return self.of_outputs([self(crop) for crop in crops])

    def joint_loss(self, crops: list[Tensor], small: list[Tensor]) -> Tensor:
        """As in the code of the paper's authors, crops of one size pass the backbone as one batch, and the features of
        all crops pass the head as one: batch norm sees them together."""
        features = torch.cat([self.backbone(torch.cat(each)) for each in (crops, small) if each])
        return self.of_outputs(list(self.prototyped(features).chunk(len(crops) + len(small))))

    def forward(self, crop: Tensor) -> Tensor:
        return self.prototyped(self.backbone(crop))

    def prototyped(self, features: Tensor) -> Tensor:
        return self.prototypes(F.normalize(self.projection_head(features), dim=1, p=2))

    def of_outputs(self, outputs: list[Tensor]) -> Tensor:
        return self.criterion(outputs[:2], outputs[2:]).squeeze()
