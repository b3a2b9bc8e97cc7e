"""What the tests of several method plugins share: a small network, data with a known answer, a loop, a score."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, settings

from harness import Data, Method, NoOptions, class_means
from harness.learning.data.batches import Source
from harness.learning.seeding import seed_torch
from harness.testing import problem
from harness.testing.problem import CLASSES, SmallNet

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy one takes longer, and finds no fault by it


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Networks as small as the tests' are slower on several threads, and far slower where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def gratings() -> Data:
    """Six classes that differ in direction alone; the recommended augmentation keeps it and changes the rest."""
    return problem.gratings(side=14)


@pytest.fixture
def tiny_net() -> SmallNet:
    """The same initial weights for every test."""
    torch.manual_seed(0)
    return SmallNet(NoOptions(), (1, 14, 14))


@pytest.fixture
def fit() -> Callable[..., list[float]]:
    """Train a method for some steps, as plainly as can be; the loss of each step."""

    def fit(method: Method, data: Data, steps: int, lr: float, batch_size: int = 64) -> list[float]:
        source = Source(data, batch_size, seed=0)
        optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr, momentum=0.9)
        losses = []
        assert method.batches is not None
        method.train()
        for step in range(steps):
            seed_torch(step)
            loss = method.loss(method.batches.draw(source, step))
            loss = loss["loss"] if isinstance(loss, dict) else loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            method.after_step(step, steps)
            losses.append(loss.item())
        return losses

    return fit


@pytest.fixture
def score() -> Callable[[Method, Data], float]:
    """Share of test images whose nearest class mean (by cosine, from the training split) is the right one."""

    @torch.no_grad()
    def score(method: Method, data: Data) -> float:
        method.eval()
        train, test = (
            F.normalize(method.encode(data.inputs(split.samples)), dim=1) for split in (data.train, data.split("test"))
        )
        means = F.normalize(class_means(train[None], data.train.labels[None], CLASSES)[0], dim=1)
        return ((test @ means.T).argmax(1) == data.split("test").labels).float().mean().item()

    return score


@pytest.fixture
def gain(fit: Any, score: Any) -> Callable[..., tuple[float, list[float]]]:
    """By how much training a method raises its score over the same training at a rate near zero, which fits nothing but
    the running statistics of batch norm: those alone are worth up to 12 points here. Then the loss of each step."""

    def gain(method: Method, data: Data, steps: int, lr: float) -> tuple[float, list[float]]:
        still = copy.deepcopy(method)
        fit(still, data, steps=steps, lr=1e-6 * lr)
        losses = fit(method, data, steps=steps, lr=lr)
        return score(method, data) - score(still, data), losses

    return gain


@pytest.fixture
def with_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads for as long as a test lasts."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def on_threads(with_threads: Callable[[int], None]) -> Callable[[Method, Any], Iterator[tuple[torch.Tensor, ...]]]:
    """The gradient of a loss on one thread and on two, weight by weight."""

    def gradients(method: Method, batch: Any) -> Iterator[tuple[torch.Tensor, ...]]:
        found = []
        for threads in (1, 2):
            with_threads(threads)
            loss: Any = method.loss(batch)
            found.append(torch.autograd.grad(loss["loss"], list(method.parameters())))
        return zip(*found, strict=True)

    return gradients
