"""Checks the splits of evaluators, and chooses samples to hold out."""

from __future__ import annotations

import torch
from torch import Tensor

from harness import Data, Split, UsageError, require_classes


def require_same_classes(data: Data, reference: str, test: str) -> None:
    """Raises UsageError unless both splits exist, differ, and hold the same classes."""
    if reference == test:
        raise UsageError(f"reference and test are both '{test}': every sample would be its own neighbour.")
    require_classes(data.split(reference), reference)
    if data.split(reference).classes != data.split(test).classes:
        raise UsageError(f"the splits '{reference}' and '{test}' do not hold the same classes.")


def stratified(labels: Tensor, seed: int, folds: int) -> Tensor:
    """(N,) on the CPU: the fold of each sample, at random. Folds have all classes in like shares."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = order[labels.cpu()[order].argsort(stable=True)]
    fold = torch.empty_like(order)
    fold[order] = torch.arange(len(order)) % folds
    return fold


def require_held_out(split: Split, name: str, folds: int) -> None:
    """Raises UsageError if one of so many folds would be all there is, or nothing."""
    if len(split) < folds:
        raise UsageError(f"the split '{name}' has {len(split)} samples: too few to hold one of {folds} out.")
