"""A network that follows another slowly, and batch norm over parts of a batch: what MoCo's keys come from."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def frozen_copy(*networks: nn.Module) -> nn.Sequential:
    """The networks one after the other, with weights of their own that start equal and have no gradient."""
    return copy.deepcopy(nn.Sequential(*networks)).requires_grad_(False)


@torch.no_grad()
def follow(keys: Iterable[Tensor], queries: Iterable[Tensor], momentum: float) -> None:
    """He et al. 2020, eq. 2: key <- m key + (1 - m) query, weight by weight, in place. Batch-norm statistics are not
    weights: the key network gathers its own."""
    for key, query in zip(keys, queries, strict=True):
        key.lerp_(query, 1 - momentum)


class SplitNorm(nn.Module):
    """A batch norm that, while training, sees `splits` near-equal parts of a batch apart, as one GPU each would."""

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, splits: int) -> None:
        super().__init__()
        self.norm = norm
        self.splits = splits
        if norm.momentum is not None:
            norm.momentum = 1 - (1 - norm.momentum) ** (1 / splits)  # the parts together weigh what one batch did

    def forward(self, batch: Tensor) -> Tensor:
        if not self.training:
            return self.norm(batch)
        splits = max(1, min(self.splits, len(batch) // 2))  # one sample alone has no variance
        least, longer = divmod(len(batch), splits)
        sizes = [least + 1] * longer + [least] * (splits - longer)
        return torch.cat([self.norm(part) for part in batch.split(sizes)])  # tensor_split has a far slower gradient


def split_norms(network: nn.Module, splits: int) -> None:
    """Wrap every batch norm inside `network` in a SplitNorm, in place."""
    for name, child in network.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(network, name, SplitNorm(child, splits))
        else:
            split_norms(child, splits)
