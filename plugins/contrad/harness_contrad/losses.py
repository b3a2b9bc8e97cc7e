"""The supervised contrastive loss in which all generated samples are one class."""

from __future__ import annotations

import torch
from harness_simclr.method import similarities
from torch import Tensor


def supcon_fake(z: Tensor, fakes: int, temperature: float) -> Tensor:
    """The supervised contrastive loss (Khosla et al. 2020, arXiv:2004.11362) of the last `fakes` rows of z (N, D),
    which are one class, among all rows; the others are negatives and no anchors. In float32."""
    logits = similarities(z, temperature).fill_diagonal_(-torch.inf)[-fakes:]
    itself = torch.eye(fakes, dtype=torch.bool, device=z.device)
    log_shares = logits.log_softmax(1)[:, -fakes:].masked_fill(itself, 0)
    return -log_shares.sum(1).mean() / (fakes - 1)
