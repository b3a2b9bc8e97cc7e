"""One training on several devices, a process (rank) each. On one device, all of this does nothing.

A loss that compares samples with each other computes them on its own part of the batch, gathers them, and computes the
loss of the whole batch on every rank. DistributedDataParallel takes the mean of the ranks' gradients, and the backward
of `gather` their sum, so that the gradient is that of one device with the whole batch.
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
    """Inside, this process is the only one: what it computes is no part of what the others do, who may wait for it."""
    before, _Alone.now = _Alone.now, True
    try:
        yield
    finally:
        _Alone.now = before


def ranks() -> int:
    """How many processes train this method together."""
    return 1 if _Alone.now or not (dist.is_available() and dist.is_initialized()) else dist.get_world_size()


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if ranks() > 1 else 0


def gather(tensor: Tensor, dim: int = 0) -> Tensor:
    """The parts of all ranks in the order of the batch, joined along `dim`: on every rank, with gradient.

    All ranks must call it, with tensors of one shape.
    """
    if ranks() == 1:
        return tensor
    if tensor.dtype in (torch.bfloat16, torch.float16):  # gradients are summed over ranks
        return gather(tensor.float(), dim).to(tensor.dtype)
    return torch.cat(_Gather.apply(tensor.contiguous()), dim)


class _Gather(torch.autograd.Function):
    """The parts of all ranks, in their order. torch's own function of this kind is deprecated in some of the versions
    that harness works with, and the one that replaces it is missing in others."""

    @staticmethod
    def forward(_: Any, tensor: Tensor) -> tuple[Tensor, ...]:
        parts = [torch.empty_like(tensor) for _ in range(ranks())]
        dist.all_gather(parts, tensor)
        return tuple(parts)

    @staticmethod
    @once_differentiable
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """Of this rank's part, summed over what all ranks computed of it."""
        summed = torch.stack(gradients)
        dist.all_reduce(summed)
        return summed[rank()]


def own_part(tensor: Tensor, dim: int = 0) -> Tensor:
    """This rank's part of what is along `dim` one for each sample of the batch. Raises ValueError for one that cannot
    be divided evenly."""
    return tensor if ranks() == 1 else tensor.narrow(dim, *_part(tensor.shape[dim]))


def same_on_all(tensor: Tensor) -> Tensor:
    """The tensor of rank 0, for what is drawn at random and must not differ."""
    if ranks() > 1:
        tensor = tensor.clone()
        dist.broadcast(tensor, 0)
    return tensor


def mean_of_ranks(scalars: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Scalars of the whole batch from those of the parts."""
    if ranks() == 1:
        return scalars
    means = torch.stack([value.detach().float() for value in scalars.values()])
    dist.all_reduce(means)
    return dict(zip(scalars, means / ranks(), strict=True))


def first_rank_says(said: bool) -> bool:
    """What rank 0 says: what ranks do at a step must not depend on which of them heard of a signal, or when."""
    return bool(same_on_all(torch.tensor(said, dtype=torch.uint8)))


def _part(number: int) -> tuple[int, int]:
    """Where this rank's part of so many samples begins, and its length."""
    length, left = divmod(number, ranks())
    if left:
        raise ValueError(f"{number} cannot be divided into {ranks()} equal parts")
    return rank() * length, length
