"""PsCo: contrastive learning with pseudo-labels, from which few-shot tasks are made."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from harness_joint.parts import sinkhorn
from harness_moco.method import MoCo, info_nce
from harness_moco.v3 import mlp
from torch import Tensor, nn

from harness import Backbone, Data, own_part
from harness_pseudotasks import PsCoConfig

ENTROPY = 0.05  # its weight in Sinkhorn's problem, and how often rows and columns are scaled: as in the authors' code
ROUNDS = 3


class PsCo(MoCo):
    """MoCo that also solves few-shot tasks: each image of a batch is a class, and its shots are the keys of the queue
    that its own key is given (Jang et al. 2023, arXiv:2303.00996)."""

    name = "psco"
    config: PsCoConfig

    def __init__(self, backbone: nn.Module, config: PsCoConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        width, hidden = config.projection_dim, config.hidden_dim or cast(Backbone, backbone).feature_dim
        self.predictor = nn.Sequential(*mlp(width, hidden, width))

    def make_head(self, features: int) -> nn.Module:
        """The projector; MoCo v2's has no batch norm."""
        width = self.config.projection_dim
        projector = mlp(features, self.config.hidden_dim or features, width)
        return nn.Sequential(*projector, nn.BatchNorm1d(width, affine=False))

    def loss(self, views: Tensor) -> dict[str, Tensor]:
        """`views`: (2, N, C, H, W), queries and keys of N images, which pass apart, with batch-norm statistics of their
        own. The shots are of earlier batches, and so of other statistics."""
        queries = F.normalize(self.predictor(self.head(self.backbone(views[0]))).float(), dim=1)
        self.newest_keys = self.keys(views[1])
        shots = self.queue[assigned(self.newest_keys, self.queue, self.config.shots)]  # (N, K, D)
        contrast = info_nce(queries, own_part(self.newest_keys), self.queue, self.config.temperature)
        task = task_loss(queries, own_part(shots), shots.flatten(0, 1), self.config.task_temperature)
        return {"loss": task + contrast, "task": task, "contrast": contrast}


@torch.no_grad()
def assigned(keys: Tensor, queue: Tensor, shots: int) -> Tensor:
    """The `shots` rows of the queue (M, D) that each key (N, D) is given most of: (N, shots). By nearness alone, a few
    rows would be the shots of many images."""
    with torch.autocast(keys.device.type, enabled=False):
        return sinkhorn(keys @ queue.T, ENTROPY, ROUNDS).topk(shots, dim=1).indices


def task_loss(queries: Tensor, own: Tensor, support: Tensor, temperature: float) -> Tensor:
    """The supervised contrastive loss (Khosla et al. 2020, arXiv:2004.11362) of an N-way K-shot task, in float32: of
    `queries` (n, D), whose `own` shots are (n, K, D), among the `support` (N * K, D) of all."""
    with torch.autocast(queries.device.type, enabled=False):  # bf16 is too coarse
        every = (queries @ support.T / temperature).logsumexp(1)
        positive = (own @ queries[..., None]).squeeze(-1).mean(1) / temperature
    return (every - positive).mean()
