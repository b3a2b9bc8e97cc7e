"""Metrics of a stream: functions of the accuracies (E, T, T), [:, i, j] on task j after task i, to (E,).

Only the entries with j <= i are read, unless a function says otherwise."""

from __future__ import annotations

import torch
from torch import Tensor


def final(accuracies: Tensor) -> Tensor:
    """Mean accuracy on all tasks after the last."""
    return accuracies[:, -1].mean(1)


def seen(accuracies: Tensor) -> Tensor:
    """Mean accuracy on the tasks seen so far, after each: (E, T)."""
    tasks = accuracies.shape[1]
    counts = torch.arange(1, tasks + 1, device=accuracies.device)
    return torch.where(_until_now(accuracies), accuracies, 0).sum(2) / counts


def incremental(accuracies: Tensor) -> Tensor:
    """Mean over the stream of the accuracy on the tasks seen so far (Rebuffi et al. 2017, arXiv:1611.07725)."""
    return seen(accuracies).mean(1)


def forgetting(accuracies: Tensor) -> Tensor:
    """By how much the accuracy on a task is below the best it ever was before the last task, on the mean over all tasks
    but the last (Chaudhry et al. 2018, arXiv:1801.10112, eq. 3)."""
    before = torch.where(_until_now(accuracies), accuracies, -torch.inf)[:, :-1, :-1]
    return (before.amax(1) - accuracies[:, -1, :-1]).mean(1)


def backward(accuracies: Tensor) -> Tensor:
    """How the accuracy on a task changed since it was learned, on the mean over all tasks but the last (Lopez-Paz and
    Ranzato 2017, arXiv:1706.08840, eq. 3)."""
    learned = accuracies.diagonal(dim1=1, dim2=2)
    return (accuracies[:, -1] - learned)[:, :-1].mean(1)


def forward(accuracies: Tensor, chance: float) -> Tensor:
    """How much better than chance the accuracy on a task is just before it is learned, on the mean over all tasks but
    the first (likewise, eq. 4). Reads the entries with j = i + 1."""
    return (accuracies.diagonal(1, dim1=1, dim2=2) - chance).mean(1)


def _until_now(accuracies: Tensor) -> Tensor:
    """Which tasks were seen (T, T)."""
    tasks = accuracies.shape[1]
    return torch.ones(tasks, tasks, dtype=torch.bool, device=accuracies.device).tril()
