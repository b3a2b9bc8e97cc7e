"""The loss that makes one class of all that is generated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def supcon_fake(z: Tensor, fakes: int, temperature: float) -> Tensor:
    """The supervised contrastive loss (Khosla et al. 2020, arXiv:2004.11362) of the last `fakes` rows of z (N, D),
    which are one class, among all rows; the others are negatives and no anchors. In float32."""
    z = F.normalize(z.float(), dim=1)
    with torch.autocast(z.device.type, enabled=False):  # as in NT-Xent
        logits = (z[-fakes:] @ z.T / temperature).float()
    itself = torch.eye(fakes, len(z), dtype=torch.bool, device=z.device).roll(len(z) - fakes, 1)
    log_shares = logits.masked_fill(itself, -torch.inf).log_softmax(1)
    return -log_shares[:, -fakes:].masked_fill(itself[:, -fakes:], 0).sum(1).mean() / (fakes - 1)
