"""The cross-entropy of cosines in a batch: which of all second sentences belongs to the first."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def simcse(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Gao et al. 2021, eq. 4: (N, D) and (N, D), row i of both from one sentence -> scalar, in float32. Rows alone: a
    first view looks for its second one, and not the other way round."""
    return _own(cosines(first, second) / temperature)


def supervised(
    first: Tensor, second: Tensor, negative: Tensor, known: Tensor, temperature: float, weight: float
) -> Tensor:
    """Eq. 5, with the appendix's alpha as `weight`: the hard negatives (N, D) of all rows are further candidates, of
    which a row's own weighs `weight`. Those that are not `known` (N,) are none."""
    own = torch.eye(len(first), device=first.device) * math.log(weight)
    hard = (cosines(first, negative) / temperature + own).masked_fill(~known, -torch.inf)
    return _own(torch.cat([cosines(first, second) / temperature, hard], 1))


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """(N, D), (M, D) -> (N, M), in float32: bf16, divided by a small temperature, is too coarse."""
    with torch.autocast(one.device.type, enabled=False):
        return F.normalize(one.float(), dim=1) @ F.normalize(other.float(), dim=1).T


def _own(logits: Tensor) -> Tensor:
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
