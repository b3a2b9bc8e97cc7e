"""The loss of a batch of tasks, whose gradient is computed here, task by task, each on one thread.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import EpisodeBatch
from harness_maml.norm import channels_last
from harness_maml.threads import in_threads

Task = Callable[[Tensor, Tensor, Tensor], Tensor]  # support (S, ...), its labels (S,), queries (Q, ...) to their logits


def mean_loss(task: Task, weights: Sequence[Tensor], batch: EpisodeBatch, network: nn.Module) -> dict[str, Tensor]:
    """Mean over the tasks of the queries' cross-entropy and of their accuracy.

    Args:
        task: What learns a task and classifies its queries.
        weights: What the loss is differentiated by; all of them must have a part in it.
        batch: The tasks.
        network: What `task` runs; decides whether threads may (see `in_threads`).
    """

    def solve(parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        support, labels, query, targets = map(channels_last, parts)
        logits = task(support, labels, query)
        loss = F.cross_entropy(logits, targets)
        hits = (logits.argmax(1) == targets).float().mean()
        return loss.detach(), hits, torch.autograd.grad(loss, weights)

    losses, accuracies, slopes = zip(*in_threads(solve, list(zip(*batch, strict=True)), network), strict=True)
    means = [reduce(torch.add, each) / len(each) for each in zip(*slopes, strict=True)]  # in the layout of the weights
    return {
        "loss": Known.apply(torch.stack(losses).mean(), means, *weights),
        "accuracy": torch.stack(accuracies).mean(),
    }


class Known(torch.autograd.Function):
    """A scalar whose gradient is known: (loss, gradients, *weights) -> loss."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradients: list[Tensor], *weights: Tensor) -> Tensor:  # noqa: ARG004 (autograd's signature)
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(slope * gradient for gradient in ctx.gradients)
