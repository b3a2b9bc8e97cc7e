"""Tasks at test time: nothing is differentiated through their steps, so weights move in place.

Methods of other distributions may import all of it from here."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness import Classifier
from harness_maml.norm import channels_last, use_task_statistics
from harness_maml.threads import in_threads

Step = Callable[[Tensor, list[nn.Parameter]], None]  # moves the weights that a loss depends on, without gradient


def descent(lr: float) -> Step:
    """A step along the gradient."""

    def step(loss: Tensor, weights: list[nn.Parameter]) -> None:
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.add_(slope, alpha=-lr)

    return step


class Adaptation:
    """What tasks do with a network: learn from its weights, each its own, and classify.

    Each thread has one copy of `network`, which the tasks use in turn. Its batch norms take the statistics of the first
    `size` samples of a forward, or of all for None.
    """

    def __init__(self, network: nn.Module, step: Step, steps: int, ways: int, size: int | None) -> None:
        self.network, self.step, self.steps, self.ways, self.size = network, step, steps, ways, size
        self.begin = [weight.detach() for weight in network.parameters()]
        self.own = threading.local()

    def learn(self, support: Tensor, labels: Tensor) -> list[Tensor]:
        """The weights after the steps on `support` (S, ...)."""
        network, weights = self._with(self.begin)
        for _ in range(self.steps):
            with torch.enable_grad(), _uncached(support.device.type):
                loss = F.cross_entropy(network(support)[:, : self.ways], labels)
            with torch.no_grad():
                self.step(loss, weights)
        return [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def classify(self, learned: Sequence[Tensor], support: Tensor, query: Tensor) -> Tensor:
        """Logits (Q, ways). Inductive: the queries follow the support set, whose statistics normalise both."""
        network, _ = self._with(learned)
        with _uncached(query.device.type):
            if self.size is None:
                return cast(Tensor, network(query)[:, : self.ways])
            return cast(Tensor, network(torch.cat([support, query]))[len(support) :, : self.ways])

    def _with(self, values: Sequence[Tensor]) -> tuple[nn.Module, list[nn.Parameter]]:
        """This thread's network, with these weights."""
        if not hasattr(self.own, "network"):
            self.own.network = copy.deepcopy(self.network)
            use_task_statistics(self.own.network, self.size)
        network = cast(nn.Module, self.own.network)
        weights = list(network.parameters())
        with torch.no_grad():
            for weight, value in zip(weights, values, strict=True):
                weight.copy_(value)
        return network, weights


def adapted(
    network: nn.Module, step: Step, steps: int, ways: int, support: Tensor, labels: Tensor, *, transductive: bool
) -> Classifier:
    """A classifier of queries (E, Q, ...), learned from `support` (E, S, ...) with `labels` (E, S) in `steps` steps."""
    adaptation = Adaptation(network, step, steps, ways, None if transductive else support.shape[1])
    images = list(map(channels_last, support))
    learned = in_threads(lambda task: adaptation.learn(*task), list(zip(images, labels, strict=True)), network)

    def classify(query: Tensor) -> Tensor:
        tasks = list(zip(learned, images, map(channels_last, query), strict=True))
        return torch.stack(in_threads(lambda task: adaptation.classify(*task), tasks, network))

    return classify


def _uncached(device: str) -> torch.autocast:
    """Autocast as it is, but without its copies of weights, which would not change with them."""
    enabled, precision = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return torch.autocast(device, precision, enabled=enabled, cache_enabled=False)
