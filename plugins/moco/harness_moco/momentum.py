"""A momentum network, a queue of keys, and batch norm over parts of a batch."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from harness import gather, ranks


def frozen_copy(*networks: nn.Module) -> nn.Sequential:
    """The networks one after the other, with weights of their own that start equal and have no gradient."""
    return copy.deepcopy(nn.Sequential(*networks)).requires_grad_(False)


@torch.no_grad()
def follow(keys: Iterable[Tensor], queries: Iterable[Tensor], momentum: float) -> None:
    """He et al. 2020, eq. 2: key <- m key + (1 - m) query, weight by weight, in place. Batch-norm statistics are not
    weights: the key network gathers its own."""
    for key, query in zip(keys, queries, strict=True):
        key.lerp_(query, 1 - momentum)


def momentum_at(step: int, steps: int, start: float) -> float:
    """From `start` at step 0 to 1 at step `steps`, along half a cosine (Grill et al. 2020, section 3.2)."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * step / steps)) / 2


def enqueue(queue: Tensor, place: Tensor, keys: Tensor) -> None:
    """Replace the oldest keys of `queue` (K, D), which are at `place`, by `keys` (N, D), and move `place` on: both in
    place, as buffers of a method. N need not divide K, and may exceed it."""
    size = len(queue)
    keys = keys[-size:]
    queue[(place + torch.arange(len(keys), device=keys.device)) % size] = keys
    place.add_(len(keys)).remainder_(size)


class SplitNorm(nn.Module):
    """A batch norm that, while training, sees `splits` near-equal parts of a batch apart, as one GPU each would.

    Of several devices, each has its share of the parts.
    """

    keeps_norms = True  # the harness does not synchronise it over devices

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm, splits: int) -> None:
        super().__init__()
        self.norm = norm
        self.splits = splits
        if norm.momentum is not None:
            norm.momentum = 1 - (1 - norm.momentum) ** (1 / splits)  # the parts together weigh what one batch did

    def unwrapped(self) -> nn.modules.batchnorm._BatchNorm:
        """The norm itself, with its momentum as it was, for whoever trains the network further in whole batches. Call
        it on a copy of the network: the norm is the same object."""
        if self.norm.momentum is not None:
            self.norm.momentum = 1 - (1 - self.norm.momentum) ** self.splits
        return self.norm

    def state_dict(self, *args: Any, **options: Any) -> Any:
        """As the norm's own, so that a network with other splits, or none, takes it."""
        return self.norm.state_dict(*args, **options)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """What `state_dict` gave, or what it was before: with `norm.` in each name."""
        for name in [each for each in state_dict if each.startswith(prefix)]:
            if not (rest := name.removeprefix(prefix)).startswith("norm."):
                state_dict[f"{prefix}norm.{rest}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *others)

    def forward(self, batch: Tensor) -> Tensor:
        if not self.training:
            return self.norm(batch)
        splits = max(1, min(self.splits // ranks(), len(batch) // 2))  # one sample alone has no variance
        least, longer = divmod(len(batch), splits)
        sizes = [least + 1] * longer + [least] * (splits - longer)
        before = [buffer.clone() for buffer in self.norm.buffers()] if ranks() > 1 else []
        parts = batch.split(sizes)  # tensor_split has a far slower gradient
        normalised = torch.cat([self.norm(part) for part in parts])
        if before:
            self.follow_all(before, splits)
        return normalised

    @torch.no_grad()
    def follow_all(self, before: list[Tensor], splits: int) -> None:
        """Running statistics as if one device had seen the parts of all in order: what each device adds, weighed down
        by what later ones add. (Those of a norm without momentum, a plain average, come out a little otherwise.)"""
        kept = (1 - (self.norm.momentum or 0.0)) ** splits
        for buffer, start in zip(self.norm.buffers(), before, strict=True):
            found = gather(buffer[None])
            if buffer.is_floating_point():
                total = start
                for own in found:
                    total = kept * total + own - kept * start
                buffer.data.copy_(total)  # the backward pass keeps the buffer itself, though it does not use it
            else:
                buffer.copy_(start + (found - start).sum(0))


def split_norms(network: nn.Module, splits: int) -> None:
    """Wrap every batch norm inside `network` in a SplitNorm, in place."""
    for name, child in network.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(network, name, SplitNorm(child, splits))
        else:
            split_norms(child, splits)
