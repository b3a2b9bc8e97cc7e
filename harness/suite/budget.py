"""The budget: how long and how a cell trains, with the same keys for every method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.plugins.options import option


@dataclass(frozen=True)
class Budget:
    """How long and how a cell trains. Exactly one of `steps` and `epochs` is given.

    A method's recipe fills in what the suite leaves open.
    """

    steps: int | None = option(None, "optimizer steps")
    epochs: float | None = option(None, "passes over the training split, instead of steps")
    batch_size: int = option(128, "images per step (few-shot methods: their episodes decide)")
    optimizer: str = option("sgd", "name of a registered optimizer, or {use: name, option: value}")
    lr: float = option(0.05, "peak learning rate, not scaled by the batch size")
    momentum: float = option(0.9, "of optimizers that have one")
    weight_decay: float = option(0.0, "on weights with two or more dimensions; biases and norms are left out")
    schedule: Literal["constant", "cosine", "linear"] = option("cosine", "of the learning rate, after warm-up")
    warmup: float = option(0.0, "share of the steps in which the learning rate rises linearly")
    clip: float | None = option(None, "greatest norm of the gradient of all weights together; longer ones are scaled")
    precision: Literal["fp32", "tf32", "bf16"] = option("fp32", "tf32: on a GPU, like fp32 elsewhere; bf16: autocast")
    compile: bool = option(
        False, "compile the loss with torch.compile: a minute at first, then often faster on a GPU", identity=False
    )
    devices: int = option(1, "devices that share each batch of a training, a process each", identity=False)

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        if self.length <= 0:
            raise ValueError("steps or epochs must be positive")
        if self.batch_size < 2:
            raise ValueError("batch_size must be at least 2")
        if self.lr <= 0:
            raise ValueError("lr must be positive")
        if self.clip is not None and self.clip <= 0:
            raise ValueError("clip must be positive; leave it out to clip nothing")
        if self.weight_decay < 0:
            raise ValueError("weight_decay must not be negative")
        if not 0 <= self.momentum < 1:
            raise ValueError("momentum must be at least 0 and less than 1")
        if not 1 <= self.devices <= 1024:
            raise ValueError("devices must be between 1 and 1024")
        if self.devices > 1 and self.compile:
            raise ValueError("compile works on one device only")
        if not 0 <= self.warmup < 1:
            raise ValueError("warmup is a share of the steps: 0 <= warmup < 1")

    @property
    def length(self) -> float:
        """The number of steps or of epochs, whichever is given."""
        return self.steps if self.steps is not None else self.epochs or 0.0


def said(values: Mapping[str, Any]) -> dict[str, Any]:
    """A budget's values as ids and records hold them. `clip` was added later, so it is left out where it is not set,
    and ids from before stay the same.
    """
    return {key: value for key, value in values.items() if key != "clip" or value is not None}


def merge(*blocks: Mapping[str, Any]) -> dict[str, Any]:
    """Merge blocks of a budget; later ones win. `steps` in a later block replace `epochs` of an earlier one, and vice
    versa.
    """
    merged: dict[str, Any] = {}
    for block in blocks:
        for given, other in (("steps", "epochs"), ("epochs", "steps")):
            if given in block and other not in block:
                merged.pop(other, None)
        merged.update(block)
    return merged
