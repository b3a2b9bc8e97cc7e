"""MoCo v3: momentum contrast without a queue."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Backbone, Data, Method, Views, gather
from harness_moco import MoCoV3Config
from harness_moco.momentum import follow, frozen_copy, momentum_at


class MoCoV3(Method):
    """Predict each view's key, out of the keys of the batch, from the other view (Chen et al. 2021, arXiv:2104.02057,
    algorithm 1). Keys come from a copy of encoder and projector that follows them ever more slowly."""

    config: MoCoV3Config
    distributed: ClassVar[bool] = True

    def __init__(self, backbone: nn.Module, config: MoCoV3Config, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = Views(2, config.augment)
        features = cast(Backbone, backbone).feature_dim
        hidden = config.hidden_dim or features
        width = config.projection_dim
        self.projector = nn.Sequential(*mlp(features, hidden, width), nn.BatchNorm1d(width, affine=False))
        self.predictor = nn.Sequential(*mlp(width, hidden, width))
        self.key_network = frozen_copy(backbone, self.projector)

    def loss(self, views: Tensor) -> Tensor:
        """`views`: (2, N, C, H, W). Each view passes apart, with batch-norm statistics of its own."""
        q1, q2 = (self.predictor(self.projector(self.backbone(view))) for view in views)
        with torch.no_grad():
            k1, k2 = (gather(self.key_network(view)) for view in views)
        q1, q2 = gather(q1), gather(q2)
        return contrast(q1, k2, self.config.temperature) + contrast(q2, k1, self.config.temperature)

    def after_step(self, step: int, steps: int) -> None:
        queries = chain(self.backbone.parameters(), self.projector.parameters())
        follow(self.key_network.parameters(), queries, momentum_at(step + 1, steps, self.config.momentum))


def contrast(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """`ctr` of algorithm 1."""
    return 2 * temperature * own_among_all(queries, keys, temperature)


def own_among_all(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """The cross-entropy of query i's own key i among the N keys (N, D), by their cosines and in float32."""
    queries, keys = F.normalize(queries.float(), dim=1), F.normalize(keys.float(), dim=1)
    with torch.autocast(queries.device.type, enabled=False):  # bf16 is too coarse for a small temperature
        logits = queries @ keys.T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def mlp(*widths: int) -> list[nn.Module]:
    """Layers from each width to the next, as the authors' code has them for ResNets: batch norm and ReLU between them;
    no bias where batch norm follows, nor at the end."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    return [*layers, nn.Linear(widths[-2], widths[-1], bias=False)]
