"""Inner loops by learn2learn: each task has a clone of learn2learn's algorithm, a network that can `adapt`.
learn2learn has no types, so a clone is Any.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from harness_maml.norm import use_task_statistics
from harness_maml.tasks import Task


def learned_by(clone: Callable[[], Any], ways: int, steps: int, *, transductive: bool) -> Task:
    """A clone of its own learns each task in `steps` steps, and classifies the queries.

    Inductive: the queries follow the support set, whose statistics normalise both.
    """

    def task(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        own = clone()
        use_task_statistics(own, None if transductive else len(support))
        for _ in range(steps):
            own.adapt(F.cross_entropy(own(support)[:, :ways], labels))
        if transductive:
            return own(query)[:, :ways]
        return own(torch.cat([support, query]))[len(support) :, :ways]

    return task
