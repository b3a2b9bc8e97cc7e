"""Collective operations for a training on several devices, with one process (rank) per device.

On one device, all of them return their argument. A loss that compares samples computes features of its own part of the
batch, gathers them, and computes the loss of the whole batch on every rank. DistributedDataParallel averages the
gradients of the ranks, and the backward pass of `gather` sums them, so that the gradient equals that of one device with
the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Alone:
    now = False


@contextmanager
def alone() -> Iterator[None]:
    """Inside this context, `ranks()` is 1: the process computes something in which the others, which may wait for it,
    do not take part.
    """
    before, _Alone.now = _Alone.now, True
    try:
        yield
    finally:
        _Alone.now = before


def ranks() -> int:
    """Return the number of processes that train this method together; 1 on one device."""
    return 1 if _Alone.now or not (dist.is_available() and dist.is_initialized()) else dist.get_world_size()


def rank() -> int:
    """Return the number of this process among those that train together, from 0."""
    return dist.get_rank() if ranks() > 1 else 0


def gather(tensor: Tensor, dim: int = 0) -> Tensor:
    """Gather a tensor from all ranks, with gradient. All ranks must call it, with tensors of one shape.

    Args:
        tensor: This rank's part, such as features (N / ranks, D).
        dim: The dimension along which the parts are joined.

    Returns:
        The parts of all ranks in the order of the batch, such as (N, D), the same on every rank.
    """
    if ranks() == 1:
        return tensor
    if tensor.dtype in (torch.bfloat16, torch.float16):  # gradients are summed over ranks
        return gather(tensor.float(), dim).to(tensor.dtype)
    return torch.cat(_Gather.apply(tensor.contiguous()), dim)


class _Gather(torch.autograd.Function):
    """Gathers tensors of all ranks with gradient. torch's function for this is deprecated in some of the versions that
    harness supports, and its replacement is missing in others.
    """

    @staticmethod
    def forward(_: Any, tensor: Tensor) -> tuple[Tensor, ...]:
        parts = [torch.empty_like(tensor) for _ in range(ranks())]
        dist.all_gather(parts, tensor)
        return tuple(parts)

    @staticmethod
    @once_differentiable
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """Gradient of this rank's part: the sum over the losses of all ranks."""
        summed = torch.stack(gradients)
        dist.all_reduce(summed)
        return summed[rank()]


def own_part(tensor: Tensor, dim: int = 0) -> Tensor:
    """Select this rank's part of a tensor that has one entry per sample of the whole batch.

    Args:
        tensor: A tensor of the whole batch, the same on every rank.
        dim: The dimension of the samples.

    Returns:
        A view of this rank's samples.

    Raises:
        ValueError: The samples cannot be divided evenly over the ranks.
    """
    return tensor if ranks() == 1 else tensor.narrow(dim, *_part(tensor.shape[dim]))


def same_on_all(tensor: Tensor) -> Tensor:
    """Broadcast a tensor of rank 0, for random numbers that must be equal on all ranks.

    Args:
        tensor: This rank's tensor; all ranks have the same shape.

    Returns:
        The tensor of rank 0.
    """
    if ranks() > 1:
        tensor = tensor.clone()
        dist.broadcast(tensor, 0)
    return tensor


def mean_of_ranks(scalars: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Scalars of the whole batch: the means of those of its parts."""
    if ranks() == 1:
        return scalars
    means = torch.stack([value.detach().float() for value in scalars.values()])
    dist.all_reduce(means)
    return dict(zip(scalars, means / ranks(), strict=True))


def first_rank_says(said: bool) -> bool:
    """The value of rank 0. Ranks may receive a signal at different moments, but must all stop after the same step."""
    return bool(same_on_all(torch.tensor(said, dtype=torch.uint8)))


def _part(number: int) -> tuple[int, int]:
    """Start and length of this rank's part of so many samples."""
    length, left = divmod(number, ranks())
    if left:
        raise ValueError(f"{number} cannot be divided into {ranks()} equal parts")
    return rank() * length, length
