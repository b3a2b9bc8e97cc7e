"""Helpers for training with labels on top of an encoder: seeded batches, mild views, and a schedule of the learning
rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from harness import Augmentation, Data, Draw, Modality, Split, Streamed, UsageError

AHEAD = 2  # batches of streamed samples that are read while one is in use
CROP_AND_FLIP = Augmentation(
    jitter=0.0, gray=0.0, blur=0.0, solarise=0.0, rotate=0.0, translate=0.0, scale=(1.0, 1.0), shear=0.0
)  # what is left of a data set's own augmentation


class Batch(NamedTuple):
    """`step` of `steps`; `inputs`: views of the samples, as a network sees them (N, ...); `labels` (N,)."""

    step: int
    steps: int
    inputs: Tensor
    labels: Tensor


def mild(modality: Modality) -> Modality | None:
    """With random resized crops and flips alone, as strong as the data set's own; None for samples that are no
    pictures, which are seen as they are."""
    try:
        return modality.augmented(CROP_AND_FLIP)
    except UsageError:
        return None


def batches(data: Data, split: Split, members: Tensor, size: int, epochs: int, seed: int) -> Iterator[Batch]:
    """Of the samples `members` (n,) of a split, a fresh permutation per epoch, less the last incomplete batch."""
    modality, size = mild(data.modality), min(size, len(members))
    order, views = torch.Generator().manual_seed(seed), torch.Generator(data.device).manual_seed(seed)
    members, per_epoch = members.cpu(), len(members) // size
    indices = [
        part
        for _ in range(epochs)
        for part in members[torch.randperm(len(members), generator=order)].split(size)[:per_epoch]
    ]

    def shown(step: int) -> Tensor | None:
        """Which parts of streamed samples the views of a step show."""
        draw = Draw(size, torch.Generator().manual_seed(seed + step))
        return modality.shown(split.samples, indices[step], draw) if modality else None

    for step, index in enumerate(indices):
        if isinstance(split.samples, Streamed):
            for later in range(step, min(step + 1 + AHEAD, len(indices))):
                split.samples.prefetch(indices[later], shown(later))
        if modality:
            (inputs,) = modality.views(split.samples, index, Draw(size, views), shown=shown(step))
        else:
            inputs = data.inputs(split.samples[index])
        yield Batch(step, len(indices), inputs, split.labels[index.to(split.labels.device)])


def inputs_of(data: Data, split: Split, members: Tensor, size: int = 512) -> Iterator[Tensor]:
    """The samples `members` (n,) of a split as a network sees them, without augmentation, `size` at a time."""
    for index in members.cpu().split(size):
        yield data.inputs(split.samples[index])


def falling(batch: Batch) -> float:
    """The share of the rate at a step: from 1 to 0 along a cosine (Loshchilov and Hutter 2017, equation 5)."""
    return 0.5 * (1 + math.cos(math.pi * batch.step / batch.steps))


def quality(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """What held-out samples choose by, the greater the better: accuracy and, where it is equal, less loss."""
    loss = float(F.cross_entropy(logits, labels))
    accuracy = float((logits.argmax(1) == labels).float().mean())
    return (accuracy, -loss) if math.isfinite(loss) else (-1.0, 0.0)
