"""Samples of other splits that are also in the training split: whoever remembers them scores too high."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.learning.data.splits import Data

VALUES = 2**22  # that are hashed at a time


def shared_with_train(data: Data) -> dict[str, int]:
    """By split, how many of its samples are samples of `train` too, pixel for pixel; without the splits that have none.

    Images that are streamed from files are not read for it, and count as none.
    """
    memory = {name: split.images for name, split in data.splits.items() if isinstance(split.images, Tensor)}
    if "train" not in memory:
        return {}
    train = digests(memory.pop("train"))
    counts = {name: int(torch.isin(digests(images), train).sum()) for name, images in memory.items()}
    return {name: count for name, count in counts.items() if count}


def digests(images: Tensor) -> Tensor:
    """int64 (N,): a sum of the uint8 values of (N, ...), each times a fixed random number of 64 bits, modulo 2^64.

    Two different images share one with a chance of at most 2^-56.
    """
    flat = images.flatten(1)
    draw = torch.Generator().manual_seed(0)
    least, greatest = torch.iinfo(torch.int64).min, torch.iinfo(torch.int64).max
    factors = torch.randint(least, greatest, (flat.shape[1],), generator=draw).to(images.device)
    parts = flat.split(max(1, VALUES // flat.shape[1]))
    return torch.cat([(part.long() * factors).sum(1) for part in parts])
