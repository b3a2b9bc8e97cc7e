"""Copies the weights of a trained backbone into the backbone of another cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_model
from torch import Tensor, nn

from harness.base.errors import UsageError
from harness.learning.components import Method

Shapes = Mapping[str, tuple[int, ...]]
BACKBONE = "backbone."  # what the names of its weights begin with in a method's


def take_over(backbone: nn.Module, model: Path) -> None:
    """Give a backbone the weights and buffers that the backbone of a trained method has. Raises UsageError if they are
    not those of such a backbone."""
    wanted = shapes(backbone)
    with safe_open(model, "pt") as file:
        names, same = set(file.keys()), file.metadata() or {}
        kept = {name: name if name in names else same.get(name, "") for name in _own(names | same.keys())}
        held = {name.removeprefix(BACKBONE): file.get_tensor(each) for name, each in kept.items() if each in names}
    require({name: tuple(weight.shape) for name, weight in held.items()}, wanted)
    backbone.load_state_dict(held)


def load_trained(method: Method, model: Path, device: str = "cpu") -> None:
    """Give a new method what a training left. Raises what safetensors and torch raise for a file that is another's."""
    method.after_training()
    load_model(method, model, device=device)
    method.eval()


def shapes(module: nn.Module) -> Shapes:
    """Of its parameters and buffers, by name."""
    return {name: tuple(weight.shape) for name, weight in module.state_dict().items() if isinstance(weight, Tensor)}


def shapes_of_backbone(method: nn.Module) -> Shapes:
    """As another cell would take them over from it."""
    every = shapes(method)
    return {name.removeprefix(BACKBONE): every[name] for name in _own(every)}


def require(held: Shapes, wanted: Shapes) -> None:
    """Raises UsageError, naming the first weight that does not fit, if these are not the weights of a backbone."""
    for name in sorted({*held, *wanted}):
        if held.get(name) != wanted.get(name):
            there, here = (_size(each.get(name)) for each in (held, wanted))
            raise UsageError(f"the weights do not fit: '{name}' is {there} in what it starts from, and {here} here.")


def _size(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " × ".join(map(str, shape)) if shape else "a number"


def _own(names: Mapping[str, object] | set[str]) -> list[str]:
    return [name for name in names if name.startswith(BACKBONE)]
