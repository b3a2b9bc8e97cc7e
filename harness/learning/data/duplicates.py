"""Finds samples of other splits that are also in the training split, which make scores too high."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from harness.learning.data.splits import Data
from harness.learning.data.streaming import Streamed

VALUES = 2**22  # that are hashed at a time


def shared_with_train(data: Data) -> dict[str, int]:
    """By split, how many of its samples are samples of `train` too, byte for byte; without the splits that have none.

    Samples that are streamed from files are not read for it, and count as none.
    """
    memory = {name: split.samples for name, split in data.splits.items() if not isinstance(split.samples, Streamed)}
    if "train" not in memory:
        return {}
    train = digests(memory.pop("train"))
    counts = {name: int(torch.isin(digests(samples), train).sum()) for name, samples in memory.items()}
    return {name: count for name, count in counts.items() if count}


def shared_with(trained: Data, other: Data) -> dict[str, int]:
    """By split of another data set, how many of its samples are samples that were trained on; its own `train` is left
    out, as a reference may be."""
    train = trained.train.samples
    if isinstance(train, Streamed):
        return {}
    known, counts = digests(train), {}
    for name, split in other.splits.items():
        if name != "train" and not isinstance(split.samples, Streamed) and _can_be_equal(train, split.samples):
            counts[name] = int(torch.isin(digests(split.samples), known).sum())
    return {name: count for name, count in counts.items() if count}


def _can_be_equal(one: Tensor | Sequence[str], other: Tensor | Sequence[str]) -> bool:
    """Whether samples of the two can be equal at all."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.shape[1:] == other.shape[1:]
    return not isinstance(one, Tensor) and not isinstance(other, Tensor)


def digests(samples: Tensor | Sequence[str]) -> Tensor:
    """int64 (N,): a sum of the bytes of a sample, each times a fixed random number of 64 bits, modulo 2^64; of texts, a
    hash.

    Two different samples share one with a chance of at most 2^-56.
    """
    if not isinstance(samples, Tensor):
        hashes = (hashlib.blake2b(text.encode(), digest_size=8).digest() for text in samples)
        return torch.tensor([int.from_bytes(each, "little", signed=True) for each in hashes])
    flat = samples.flatten(1).contiguous().view(torch.uint8)
    draw = torch.Generator().manual_seed(0)
    least, greatest = torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max
    factors = torch.randint(least, greatest, (flat.shape[1],), generator=draw).to(samples.device)
    parts = flat.split(max(1, VALUES // flat.shape[1]))
    return torch.cat([(part.long() * factors).sum(1) for part in parts])
