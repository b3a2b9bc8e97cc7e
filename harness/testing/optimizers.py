"""The conformance checks of an optimizer, on a small network with groups of weights as the training loop makes them."""

from __future__ import annotations

import contextlib
import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.checkpoint import load_checkpoint, save_checkpoint
from harness.learning.optimizers import groups_of
from harness.learning.seeding import seed_all
from harness.learning.training import set_rate
from harness.suite.budget import Budget
from harness.suite.cell import Component
from harness.testing import content, declared, devices
from harness.testing.declared import component
from harness.testing.report import Fault, conform
from harness.testing.unchanged import different, first_names, never_seeds, settings_kept

BUDGET = Budget(steps=100, lr=0.5)
DECAYING = replace(BUDGET, weight_decay=0.1)
BEFORE, AFTER = 7, 6  # steps before a checkpoint, and after
LESS = 1000  # by how much a rate is less ...
SHARE = 50  # ... and by how much a step must be less then: it may not be quite in proportion
ROUNDING = 1e-5  # share of a weight: one that is computed from where it began, as MADGRAD's, moves by rounding
NO_CHECKPOINT = "keep what a step depends on in `self.state`, as tensors and plain numbers"


def check_optimizer(name: str, /, **options: Any) -> None:
    """Check a registered optimizer: take steps with it.

    Args:
        name: Registered name of the optimizer.
        **options: Options of its `Config`.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    conform(f"optimizer '{name}'", OptimizerSubject(component("optimizer", name, options)), CHECKS, NEEDED)


class Network(nn.Module):
    """A kernel, matrices, biases and a norm; `unused` has no part in the loss, and so no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.hidden = nn.Linear(4, 6)
        self.out = nn.Linear(6, 3)
        self.unused = nn.Linear(2, 2)
        generator = torch.Generator().manual_seed(0)
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.5, generator=generator)  # none is zero, which some would not move

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.hidden(self.norm(self.convolution(images)).tanh().mean((2, 3))).tanh())


@dataclass(frozen=True)
class OptimizerSubject:
    """A registered optimizer with its options."""

    component: Component

    def make(self, network: nn.Module, budget: Budget = BUDGET) -> torch.optim.Optimizer:
        groups = groups_of(network, budget)
        made: torch.optim.Optimizer = self.component.spec.load()(self.component.config, groups, budget)
        return made

    def stepped(self, rate: float = BUDGET.lr) -> dict[str, Tensor]:
        """The network's weights after one step at that rate."""
        network = Network()
        take_steps(network, self.make(network), range(1), rate)
        return weights_of(network)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def take_steps(network: nn.Module, optimizer: torch.optim.Optimizer, steps: range, rate: float = BUDGET.lr) -> None:
    """As the training loop does: global generators and batch are functions of the step, and the loop sets the rate."""
    device = next(network.parameters()).device
    for step in steps:
        seed_all(step)
        images = torch.randn(16, 1, 6, 6, generator=torch.Generator().manual_seed(step)).to(device)
        set_rate(optimizer, rate / (1 + step))
        loss = (network(images) - 1).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def it_can_be_made(subject: OptimizerSubject) -> None:
    """From groups and a budget, as a torch.optim.Optimizer that holds each weight once."""
    network = Network()
    optimizer = subject.make(network)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise Fault(f"it is a {type(optimizer).__name__}", "return a torch.optim.Optimizer, or an object of a subclass")
    held = [id(weight) for group in optimizer.param_groups for weight in group["params"]]
    if sorted(held) != sorted(map(id, network.parameters())):
        raise Fault(
            f"its `param_groups` hold {len(held)} weights of {len(list(network.parameters()))}",
            "hand the groups to torch.optim.Optimizer.__init__, and leave `param_groups` as they are",
        )


def a_step_moves_every_weight(subject: OptimizerSubject) -> None:
    """Each that has a gradient."""
    network = Network()
    before = weights_of(network)
    take_steps(network, subject.make(network), range(1))
    moved = different(before, weights_of(network))
    if still := [name for name, weight in network.named_parameters() if weight.grad is not None and name not in moved]:
        raise Fault(
            f"a step leaves {first_names(still)} as it was", "update all weights of all groups that have a gradient"
        )


def a_weight_without_a_gradient_stays(subject: OptimizerSubject) -> None:
    """A step takes it as it is: its gradient is None where the loss does not depend on it."""
    network = Network()
    before = weights_of(network)
    try:
        optimizer = subject.make(network, DECAYING)
    except UsageError:  # it has no weight decay
        optimizer = subject.make(network)
    take_steps(network, optimizer, range(1))
    if moved := [name for name in different(before, weights_of(network)) if name.startswith("unused")]:
        raise Fault(
            f"a step moves {first_names(moved)}, which has no gradient", "leave out weights whose `grad` is None"
        )


def a_step_is_as_long_as_the_rate_says(subject: OptimizerSubject) -> None:
    """The rate that the loop sets in `group["lr"]` before each step: with a thousandth of it, hardly a weight moves."""
    start, near, far = weights_of(Network()), subject.stepped(BUDGET.lr / LESS), subject.stepped()
    for name, weight in start.items():
        short, long = ((each[name] - weight).norm().item() for each in (near, far))
        if short * SHARE > long > 0:
            raise Fault(
                f'with a thousandth of the rate in `group["lr"]`, {name} moves by {short / long:.3f} of its step',
                'multiply the update by `group["lr"]` in each step: warm-up and schedule are set there',
            )


def weight_decay_is_that_of_the_group(subject: OptimizerSubject) -> None:
    """Where gradients are zero, decay moves the weights of groups that have one, and no others. One that has no decay
    refuses such a budget with a UsageError."""
    network = Network()
    before = weights_of(network)
    try:
        optimizer = subject.make(network, DECAYING)
    except UsageError:
        return
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for name, weight in network.named_parameters():
        moved = (weight.detach() - before[name]).norm() > ROUNDING * before[name].norm()
        if moved != (weight.ndim > 1):
            where = "has a decay, and stays" if weight.ndim > 1 else "has none, and moves"
            raise Fault(
                f"with gradients of zero, the group of {name} {where}",
                'use `group["weight_decay"]`, or raise UsageError where the budget has a decay and you have none',
            )


def it_goes_on_from_a_checkpoint(subject: OptimizerSubject) -> None:
    """Loaded into another of its kind, its state continues bit for bit, as a training that was stopped must."""
    network = Network()
    optimizer = subject.make(network)
    take_steps(network, optimizer, range(BEFORE))
    resumed = Network()
    another = subject.make(resumed)
    with tempfile.TemporaryDirectory(prefix="harness-optimizer-") as folder:
        path = Path(folder) / "checkpoint.pt"
        save_checkpoint(path, BEFORE, 0.0, network, optimizer)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            step, _ = load_checkpoint(path, resumed, another)
    if step != BEFORE:
        reason = said.getvalue().partition(" (")[2].rpartition("); set aside")[0]
        raise Fault(f"a checkpoint with its state cannot be read: {reason}", NO_CHECKPOINT)
    steps = range(BEFORE, BEFORE + AFTER)
    take_steps(network, optimizer, steps)
    take_steps(resumed, another, steps)
    if changed := different(weights_of(network), weights_of(resumed)):
        raise Fault(f"a training that goes on from a checkpoint has another {first_names(changed)}", NO_CHECKPOINT)


def settings_of_the_process_are_kept(subject: OptimizerSubject) -> None:
    """Default dtype, threads and the like are as before."""
    with settings_kept("making it or taking a step"):
        subject.stepped()


def global_generators_are_not_seeded(subject: OptimizerSubject) -> None:
    """A step may draw from the global generators, but not seed them."""
    network = Network()
    optimizer = subject.make(network)
    take_steps(network, optimizer, range(1))  # leaves gradients
    never_seeds("a step", optimizer.step)


def it_runs_on_a_gpu(subject: OptimizerSubject) -> None:
    """Steps on a GPU, where there is one."""
    for device in devices.accelerators():
        with devices.runs_on(device):
            network = Network().to(device)
            take_steps(network, subject.make(network), range(2))


NEEDED = (it_can_be_made,)
CHECKS = (
    *declared.EVERY,
    content.the_fingerprint_identifies_the_content,
    a_step_moves_every_weight,
    a_weight_without_a_gradient_stays,
    a_step_is_as_long_as_the_rate_says,
    weight_decay_is_that_of_the_group,
    it_goes_on_from_a_checkpoint,
    settings_of_the_process_are_kept,
    global_generators_are_not_seeded,
    it_runs_on_a_gpu,
)
