"""MAML's inner loop as a function of the weights: tasks one after the other, or all at once by vmap."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, vmap

from harness import Classifier, EpisodeBatch, UsageError
from harness_maml.norm import use_task_statistics
from harness_maml.tasks import Known, mean_loss

Weights = dict[str, Tensor]
Gradient = Callable[[Callable[[Weights], Tensor], Weights], Weights]


def require_vmap(network: nn.Module, inputs: Tensor) -> None:
    """Raises UsageError for a network that vmap cannot take, such as one whose way depends on what is in `inputs`
    (N, ...)."""
    with torch.no_grad():
        try:
            vmap(copy.deepcopy(network).eval())(inputs[:, None])
        except RuntimeError as error:
            raise UsageError(
                f"maml's engine vmap cannot take the backbone {type(network).__name__}: set engine to functional or "
                "learn2learn."
            ) from error


class InnerLoop:
    """What a task does with the weights of `network`, which has batch norms of the task's own `support_size` samples,
    or of all samples of a forward for None."""

    def __init__(self, network: nn.Module, lr: float, ways: int, support_size: int | None) -> None:
        self.shape = copy.deepcopy(network)  # its buffers and its mode count; weights come with each call
        use_task_statistics(self.shape, support_size)
        self.own = threading.local()
        self.lr, self.ways, self.transductive = lr, ways, support_size is None

    @property
    def network(self) -> nn.Module:
        """Each thread's own: functional_call puts the weights into the module for as long as it runs."""
        if not hasattr(self.own, "network"):
            self.own.network = copy.deepcopy(self.shape)
        return cast(nn.Module, self.own.network)

    def logits(self, weights: Weights, images: Tensor) -> Tensor:
        """Of views of the weights: older versions of torch keep what autocast makes of a parameter, even if that was
        made without gradients."""
        own = {name: weight.view_as(weight) for name, weight in weights.items()}
        return functional_call(self.network, own, (images,))[:, : self.ways]

    def learn(self, weights: Weights, support: Tensor, labels: Tensor, steps: int, gradient: Gradient) -> Weights:
        """The weights after `steps` gradient steps on `support` (S, C, H, W)."""
        for _ in range(steps):
            slopes = gradient(lambda now: F.cross_entropy(self.logits(now, support), labels), weights)
            weights = {name: weight - self.lr * slopes[name] for name, weight in weights.items()}
        return weights

    def classify(self, weights: Weights, support: Tensor, query: Tensor) -> Tensor:
        """Logits (Q, ways). Inductive: the queries follow the support set, whose statistics normalise both."""
        if self.transductive:
            return self.logits(weights, query)
        return self.logits(weights, torch.cat([support, query]))[len(support) :]


def slopes(first_order: bool) -> Gradient:
    """Gradients by autograd, through which second derivatives flow unless `first_order`."""

    def gradient(loss: Callable[[Weights], Tensor], weights: Weights) -> Weights:
        found = torch.autograd.grad(loss(weights), list(weights.values()), create_graph=not first_order)
        return dict(zip(weights, found, strict=True))

    return gradient


def pure_slopes(first_order: bool) -> Gradient:
    """The same by torch.func, which vmap can batch."""

    def gradient(loss: Callable[[Weights], Tensor], weights: Weights) -> Weights:
        found = grad(loss)(weights)
        return {name: slope.detach() for name, slope in found.items()} if first_order else found

    return gradient


def meta_loss(
    inner: InnerLoop, weights: Weights, batch: EpisodeBatch, steps: int, first_order: bool
) -> dict[str, Tensor]:
    """Mean loss and accuracy of the queries over the tasks of a batch, one after the other or on threads."""

    def task(support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        return inner.classify(inner.learn(weights, support, labels, steps, slopes(first_order)), support, query)

    return mean_loss(task, list(weights.values()), batch, inner.shape)


def meta_loss_at_once(
    inner: InnerLoop, weights: Weights, batch: EpisodeBatch, steps: int, first_order: bool
) -> dict[str, Tensor]:
    """The same for all tasks at once.

    vmap(grad(task)), never grad(vmap(task)): through a batch norm the latter is silently wrong (functorch#534).
    """
    own = {name: weight.detach() for name, weight in weights.items()}

    def task(now: Weights, support: Tensor, labels: Tensor, query: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = inner.classify(inner.learn(now, support, labels, steps, pure_slopes(first_order)), support, query)
        return F.cross_entropy(logits, targets), (logits.argmax(1) == targets).float().mean()

    every_task = vmap(grad_and_value(task, has_aux=True), (None, 0, 0, 0, 0), randomness="different")
    with torch.autocast(batch.support.device.type, enabled=False):  # torch.func has no second derivatives under it
        found, (losses, accuracies) = every_task(own, *batch)
    loss = Known.apply(losses.mean(), [part.mean(0) for part in found.values()], *weights.values())
    return {"loss": loss, "accuracy": accuracies.mean()}


def adapted(inner: InnerLoop, weights: Weights, support: Tensor, labels: Tensor, steps: int) -> Classifier:
    """A classifier of queries (E, Q, C, H, W), learned from `support` (E, S, C, H, W) in `steps` first-order steps of
    all tasks at once."""
    own = {name: weight.detach() for name, weight in weights.items()}
    learn_all = vmap(lambda s, t: inner.learn(own, s, t, steps, pure_slopes(True)), randomness="different")
    stacked = learn_all(support, labels)
    classify_all = vmap(inner.classify, randomness="different")
    return torch.no_grad()(lambda query: classify_all(stacked, support, query))
