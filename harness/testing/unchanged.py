"""Checks that code changes only what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.learning.seeding import seed_all
from harness.testing.report import Fault
from harness.testing.world import random_states, settings


@contextmanager
def settings_kept(doing: str) -> Iterator[None]:
    """Raises Fault if a setting of the process is another afterwards."""
    before = settings()
    yield
    for name, value in settings().items():
        if value != before[name]:
            raise Fault(
                f"{doing} changes {name} from {before[name]} to {value}",
                "leave it: the whole process shares it; give dtype or device where a tensor is made",
            )


@contextmanager
def random_states_kept(doing: str) -> Iterator[None]:
    """Raises Fault if a global generator was used or seeded."""
    before = random_states()
    yield
    if touched := [name for name, state in random_states().items() if state != before[name]]:
        raise Fault(
            f"{doing} changes {touched[0]} global random state",
            "draw from a generator of its own: torch.Generator().manual_seed(...), numpy.random.default_rng(...)",
        )


def never_seeds(doing: str, call: Callable[[], object]) -> None:
    """`call` may draw from the global generators, which are seeded before it, but not seed them. Raises Fault."""
    after = []
    for seed in (1, 2):
        seed_all(seed)
        call()
        after.append(random_states())
    if equal := [name for name in after[0] if after[0][name] == after[1][name]]:
        raise Fault(
            f"{doing} seeds {equal[0]} global generator: its state afterwards does not depend on that before",
            "leave it out: the harness seeds the global generators before each build and each step",
        )


@contextmanager
def network_kept(network: nn.Module, doing: str) -> Iterator[None]:
    """Raises Fault if weights, buffers, modes, requires_grad or gradients are others afterwards."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    modes = {name: module.training for name, module in network.named_modules()}
    learning = {name: weight.requires_grad for name, weight in network.named_parameters()}
    yield
    if changed := different(state, network.state_dict()):
        raise Fault(
            f"{doing} changes {first_names(changed)}", "keep the encoder as it was trained: eval mode, no writes"
        )
    if any(module.training != modes.get(name) for name, module in network.named_modules()):
        raise Fault(f"{doing} leaves a module in another mode (train or eval)", "put back the mode that it was in")
    if any(weight.requires_grad != learning.get(name) for name, weight in network.named_parameters()):
        raise Fault(f"{doing} changes requires_grad of a weight", "use torch.no_grad(), or put it back")
    if with_gradient := [name for name, weight in network.named_parameters() if weight.grad is not None]:
        raise Fault(
            f"{doing} leaves a gradient in {first_names(with_gradient)}", "use torch.autograd.grad, which leaves none"
        )


def different(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """The names whose tensors are not equal, bit for bit."""
    return [name for name in one | other if name not in one or name not in other or not _equal(one[name], other[name])]


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def first_names(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
