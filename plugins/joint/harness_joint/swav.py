"""SwAV: swapping assignments between views."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Method, gather, own_part
from harness_joint import SwAVConfig
from harness_joint.crops import LARGE, CropBatch, batches_of, of_all
from harness_joint.parts import enqueue, frozen_at_first, mlp, sinkhorn

ROUNDS = 3  # of Sinkhorn's algorithm


class SwAV(Method):
    """Predict from each crop to which prototypes another, large crop of the picture was assigned, where all prototypes
    get about the same number of pictures (Caron et al. 2020, arXiv:2006.09882)."""

    config: SwAVConfig
    distributed: ClassVar[bool] = True
    queues: Tensor  # (2, queue_size, projection_dim), rows of length 1: earlier projections of both large crops
    place: Tensor  # where the next ones go
    steps: Tensor  # that were taken

    def __init__(self, backbone: nn.Module, config: SwAVConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = batches_of(config, backbone, data)
        width = config.projection_dim
        self.projector = nn.Sequential(*mlp(cast(Backbone, backbone).feature_dim, config.hidden_dim, width))
        self.prototypes = nn.Parameter(F.normalize(torch.randn(config.prototypes, width), dim=1))
        self.register_buffer("queues", F.normalize(torch.randn(LARGE, config.queue_size, width), dim=2))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.newest = torch.empty(LARGE, 0, width)  # of the last batch, on their way to the queues

    def loss(self, crops: CropBatch) -> Tensor:
        """Eq. 2 and section 3.2: the mean over all pairs of a large crop and another one."""
        features = of_all(self.backbone, crops)
        z = self.projector(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        z = F.normalize(z.float(), dim=2)
        self.newest = gather(z[:LARGE].detach(), 1)
        prototypes = frozen_at_first(self.prototypes, self.steps, self.config.frozen_steps)
        with torch.autocast(z.device.type, enabled=False):  # bf16 is too coarse for a small temperature
            predicted = F.log_softmax(z @ prototypes.T / self.config.temperature, dim=2)
        errors = []
        for crop in range(LARGE):
            codes = own_part(self.codes(self.newest[crop], self.queues[crop]))
            errors += [-(codes * each).sum(1).mean() for i, each in enumerate(predicted) if i != crop]
        return torch.stack(errors).mean()

    @torch.no_grad()
    def codes(self, z: Tensor, queue: Tensor) -> Tensor:
        """Eqs. 3 to 5: to which prototypes K the projections (N, D) are assigned, together with those of the queue:
        (N, K), with rows of sum 1."""
        with torch.autocast(z.device.type, enabled=False):
            similarities = torch.cat([z, queue]) @ self.prototypes.T
        return len(similarities) * sinkhorn(similarities, self.config.entropy, ROUNDS)[: len(z)]

    @torch.no_grad()
    def after_step(self, step: int, steps: int) -> None:  # noqa: ARG002 (counted in a buffer, which is saved)
        """The prototypes keep the length 1; the projections join the queues: never before the loss they belong to."""
        self.prototypes.copy_(F.normalize(self.prototypes, dim=1))
        self.steps.add_(1)
        if self.config.queue_size:
            enqueue(self.queues[1], self.place.clone(), self.newest[1])
            enqueue(self.queues[0], self.place, self.newest[0])
