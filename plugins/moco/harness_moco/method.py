"""MoCo v2: momentum contrast with a queue."""

from __future__ import annotations

from itertools import chain
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from harness import Backbone, Data, Method, Text, UsageError, Views, gather, own_part, ranks, same_on_all
from harness_moco import MoCoConfig
from harness_moco.momentum import enqueue, follow, frozen_copy, split_norms


class MoCo(Method):
    """Contrast each image's query with its key and with a queue of earlier keys (He et al. 2020, arXiv:1911.05722,
    algorithm 1), with the head of version 2 (Chen et al. 2020, arXiv:2003.04297). Keys come from a copy of the encoder
    that follows it slowly; `encode` uses the encoder itself."""

    name = "moco"
    config: MoCoConfig
    distributed: ClassVar[bool] = True
    queue: Tensor  # (queue_size, projection_dim), rows of length 1
    place: Tensor  # where the next key goes

    def __init__(self, backbone: nn.Module, config: MoCoConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        if config.queue_size >= len(data.train):
            raise UsageError(
                f"{self.name}'s queue_size is {config.queue_size}, but there are only {len(data.train)} training "
                "samples: each would meet its own keys as negatives."
            )
        self.batches = Views(2, config.augment)
        self.normed = any(isinstance(module, _BatchNorm) for module in backbone.modules())
        self.of_texts = isinstance(data.modality, Text)
        if config.bn_splits > 1:
            split_norms(backbone, config.bn_splits)
        self.head = self.make_head(cast(Backbone, backbone).feature_dim)
        self.key_network = frozen_copy(backbone, self.head)
        self.register_buffer("queue", F.normalize(torch.randn(config.queue_size, config.projection_dim), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))
        self.newest_keys = torch.empty(0, config.projection_dim)  # of the last batch, on their way to the queue

    def make_head(self, features: int) -> nn.Module:
        """From features to what is compared."""
        hidden = self.config.hidden_dim or features
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, self.config.projection_dim))

    def check_devices(self, devices: int, batch_size: int) -> None:
        if self.normed and self.of_texts:
            raise UsageError(
                "moco must shuffle samples over the devices, as the backbone has batch norm, but it cannot shuffle "
                "texts, whose lengths differ: leave 'devices' out of the budget, or take a backbone without batch norm."
            )
        splits = self.config.bn_splits
        if splits > 1 and (splits % devices or batch_size % splits or batch_size < 2 * splits):
            raise UsageError(
                f"{self.name}'s bn_splits is {splits}: on {devices} devices it must be a multiple of {devices}, "
                f"and divide a batch of {batch_size} into equal parts of at least two."
            )

    def loss(self, views: Tensor) -> Tensor | dict[str, Tensor]:
        """`views`: (2, N, C, H, W), queries and keys of N images."""
        queries = F.normalize(self.head(self.backbone(views[0])).float(), dim=1)
        self.newest_keys = self.keys(views[1])
        return info_nce(queries, own_part(self.newest_keys), self.queue, self.config.temperature)

    @torch.no_grad()
    def keys(self, images: Tensor) -> Tensor:
        """Keys (N, D) of length 1, on several devices those of all. Shuffled (section 3.3), over the devices as well,
        lest a query and its key share batch-norm statistics."""
        if ranks() > 1 and not self.normed:  # nothing to share; and texts of one device may be longer than the other's
            return gather(F.normalize(self.key_network(images).float(), dim=1))
        images = gather(images)
        order = same_on_all(torch.randperm(len(images), device=images.device))
        keys = F.normalize(self.key_network(images[own_part(order)]).float(), dim=1)
        return gather(keys)[order.argsort()]

    def after_step(self, step: int, steps: int) -> None:  # noqa: ARG002 (v2's momentum is constant)
        """The key network follows, then the keys join the queue: never before the loss that they belong to."""
        queries = chain(self.backbone.parameters(), self.head.parameters())
        follow(self.key_network.parameters(), queries, self.config.momentum)
        self.enqueue(self.newest_keys)

    def enqueue(self, keys: Tensor) -> None:
        """Replace the oldest keys by `keys` (N, D)."""
        enqueue(self.queue, self.place, keys)


def info_nce(queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """He et al. 2020, eq. 1: the cross-entropy of each query's own key against the whole queue, in float32.

    `queries`, `keys`: (N, D), row i of both from one image; `queue`: (K, D); all rows of length 1.
    """
    with torch.autocast(queries.device.type, enabled=False):  # bf16 is too coarse for a small temperature
        positive = (queries * keys).sum(1, keepdim=True)
        logits = torch.cat([positive, queries @ queue.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))
