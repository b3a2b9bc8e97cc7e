"""SupCon: supervised contrastive learning. It learns from labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from harness_simclr.method import SimCLR
from torch import Tensor, nn

from harness import Data, Labelled, Source, gather
from harness_joint import SupConConfig
from harness_joint.parts import similarities


class LabelledViewsBatch(NamedTuple):
    """`views`: what a network sees of two views of each sample, (2, N, ...); `labels`: int64 (N,)."""

    views: Tensor
    labels: Tensor


@dataclass(frozen=True)
class LabelledViews(Labelled):
    """Two random views of each sample of a batch, with its label: a LabelledViewsBatch."""

    def views_per_step(self, source: Source) -> int:
        return 2 * source.batch_size

    def draw(self, source: Source, step: int) -> LabelledViewsBatch:  # type: ignore[override]  # batches of its own
        views = torch.stack(source.views(step, 2, self.augmentation))
        return LabelledViewsBatch(views, source.data.train.labels[source.indices(step)])


class SupCon(SimCLR):
    """SimCLR whose positives are all views of the images of a class (Khosla et al. 2020, arXiv:2004.11362)."""

    config: SupConConfig
    notes = ("it learned from the labels of the training split",)

    def __init__(self, backbone: nn.Module, config: SupConConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.batches = LabelledViews(config.augment)

    def loss(self, batch: LabelledViewsBatch) -> Tensor:  # type: ignore[override]  # batches of its own
        """Both views pass as one batch."""
        return sup_con(self.projected(batch.views), gather(batch.labels).repeat(2), self.config.temperature)


def sup_con(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """L_out, eq. 2, in float32: z (M, D) with labels (M,), of each of which there are two or more -> scalar. The mean
    over the positives is outside of the logarithm, and each row weighs the same."""
    logits = similarities(z, temperature).fill_diagonal_(-torch.inf)
    positive = (labels[:, None] == labels).fill_diagonal_(False)
    log_shares = (logits - logits.logsumexp(1, keepdim=True)).masked_fill(~positive, 0)
    return -(log_shares.sum(1) / positive.sum(1)).mean()
