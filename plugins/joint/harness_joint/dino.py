"""DINO: self-distillation with no labels."""

from __future__ import annotations

from itertools import chain
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Method, gather
from harness_joint import DINOConfig
from harness_joint.crops import LARGE, CropBatch, batches_of, of_all
from harness_joint.parts import follow, frozen_at_first, frozen_copy, momentum_at


class DINO(Method):
    """Choose, from each crop, among outputs as a teacher does from another, large crop of the picture (Caron et al.
    2021, arXiv:2104.14294, algorithm 1). The teacher is a copy that follows ever more slowly. Its outputs are centred,
    lest one is always chosen, and sharpened, lest all are chosen alike. `encode` uses the network that learns."""

    config: DINOConfig
    distributed: ClassVar[bool] = True
    center: Tensor  # (prototypes,): a mean of the teacher's outputs
    steps: Tensor  # that were taken

    def __init__(self, backbone: nn.Module, config: DINOConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = batches_of(config, backbone, data)
        features = cast(Backbone, backbone).feature_dim
        self.head = head(features, config.hidden_dim, config.bottleneck_dim, config.batch_norm)
        self.prototypes = nn.Parameter(torch.randn(config.prototypes, config.bottleneck_dim))
        self.teacher = frozen_copy(backbone, self.head)
        self.teacher_prototypes = nn.Parameter(self.prototypes.detach().clone(), requires_grad=False)
        self.register_buffer("center", torch.zeros(config.prototypes))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.newest = torch.zeros(config.prototypes)  # the mean of the last batch, on its way to the centre

    def loss(self, crops: CropBatch) -> Tensor:
        """Eqs. 1 and 3: the mean over all pairs of a large crop, which the teacher sees, and another one."""
        features = of_all(self.backbone, crops)
        bottleneck = self.head(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        prototypes = frozen_at_first(self.prototypes, self.steps, self.config.frozen_steps)
        predicted = F.log_softmax(cosines(bottleneck, prototypes) / self.config.student_temperature, dim=2)
        with torch.no_grad():
            given = cosines(of_all(self.teacher, CropBatch(crops.large, crops.small[:0])), self.teacher_prototypes)
            targets = ((given - self.center) / self.config.teacher_temperature).softmax(2)
            self.newest = gather(given, 1).mean((0, 1))
        errors = [
            -(targets[crop] * each).sum(1).mean()
            for crop in range(LARGE)
            for i, each in enumerate(predicted)
            if i != crop
        ]
        return torch.stack(errors).mean()

    @torch.no_grad()
    def after_step(self, step: int, steps: int) -> None:
        """The teacher follows; its momentum rises from the option's to 1. The centre follows the teacher's outputs (eq.
        4): never before the loss that they belong to."""
        student = chain(self.backbone.parameters(), self.head.parameters(), [self.prototypes])
        teacher = chain(self.teacher.parameters(), [self.teacher_prototypes])
        follow(teacher, student, momentum_at(step, steps, self.config.momentum))
        self.center.lerp_(self.newest, 1 - self.config.center_momentum)
        self.steps.add_(1)


def head(features: int, hidden: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    """The projection head up to its bottleneck, as in the authors' code: three layers. No bias where batch norm
    follows, which would take it away."""
    layers: list[nn.Module] = []
    for width in (features, hidden):
        layers += [
            nn.Linear(width, hidden, bias=not batch_norm),
            *([nn.BatchNorm1d(hidden)] if batch_norm else []),
            nn.GELU(),
        ]
    layers.append(nn.Linear(hidden, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def cosines(z: Tensor, prototypes: Tensor) -> Tensor:
    """Of (..., D) with each row of (K, D), in float32: (..., K). The head's last layer, with rows of length 1."""
    z, prototypes = F.normalize(z.float(), dim=-1), F.normalize(prototypes.float(), dim=1)
    with torch.autocast(z.device.type, enabled=False):  # bf16 is too coarse for a small temperature
        return z @ prototypes.T
