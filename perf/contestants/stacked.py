"""Steps of three networks that differ by seed: in turn, or as one program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from ours import backbone, plain
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from worker import Options, Work, serve

from harness import Augmentation, Data, Images, Split
from harness.running.allocator import keep_freed_memory

SEEDS = 3
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Problem:
    """A network, images (SEEDS, N, C, H, W) and labels (SEEDS, N) for each seed."""

    networks: list[nn.Module]
    images: Tensor
    labels: Tensor

    def loss(self, weights: Weights, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.networks[0], weights, (images,)), labels)

    def stacked(self) -> Weights:
        weights, _ = stack_module_state(self.networks)
        return {name: weight.detach() for name, weight in weights.items()}


def problem(options: Options, batch: int, dtype: torch.dtype) -> Problem:
    device, shape = torch.device(options["device"]), (options["channels"], options["side"], options["side"])
    one = torch.zeros(1, *shape, dtype=torch.uint8)
    data = Data.of(
        {"train": Split(one, torch.zeros(1, dtype=torch.int64), ("any",))}, Images.of(one, Augmentation()), device
    )
    networks = [plain(backbone(options, data), 10).to(device, dtype) for _ in range(SEEDS)]
    images = torch.randn(SEEDS, batch, *shape, device=device, dtype=dtype)
    return Problem(networks, images, torch.randint(10, (SEEDS, batch), device=device))


def separate(options: Options) -> Work:
    these = problem(options, options["batch"], torch.float32)
    for network in these.networks:
        network.to(memory_format=torch.channels_last)
    images = [each.to(memory_format=torch.channels_last) for each in these.images]
    optimizers = [sgd(list(network.parameters())) for network in these.networks]

    def step() -> None:
        for network, inputs, labels, optimizer in zip(these.networks, images, these.labels, optimizers, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(network(inputs), labels).backward()
            optimizer.step()

    return repeated(step, options)


def fused(options: Options) -> Work:
    return together(options, lambda function: function)


def compiled(options: Options) -> Work:
    return together(options, torch.compile)


def together(options: Options, made: Callable[[Callable[..., Weights]], Callable[..., Weights]]) -> Work:
    check(options)
    these = problem(options, options["batch"], torch.float32)
    weights, slopes = these.stacked(), made(vmap(grad(these.loss)))
    optimizer = sgd(list(weights.values()))

    def step() -> None:
        for name, slope in slopes(weights, these.images, these.labels).items():
            weights[name].grad = slope
        optimizer.step()

    return repeated(step, options)


def check(options: Options) -> None:
    """Raises AssertionError if one program and separate networks differ in their gradients, in double precision."""
    these = problem(options, 8, torch.float64)
    found = vmap(grad(these.loss))(these.stacked(), these.images, these.labels)
    for number, network in enumerate(these.networks):
        loss = F.cross_entropy(network(these.images[number]), these.labels[number])
        for name, slope in zip(found, torch.autograd.grad(loss, list(network.parameters())), strict=True):
            torch.testing.assert_close(found[name][number], slope)


def sgd(weights: list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(weights, lr=0.01, momentum=0.9, fused=True)


def repeated(step: Callable[[], None], options: Options) -> Work:
    def run() -> int:
        for _ in range(options["steps"]):
            step()
        return int(SEEDS * options["batch"] * options["steps"])

    return Work(run)


if __name__ == "__main__":
    keep_freed_memory()  # as a cell does
    serve({work.__name__: work for work in (separate, fused, compiled)}, ["rep-harness"])
