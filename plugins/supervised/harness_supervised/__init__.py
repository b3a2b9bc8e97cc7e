"""Registers `supervised`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Options of supervised training."""

    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "supervised",
        "harness_supervised.method:Supervised",
        Config,
        summary="Cross-entropy over the training classes: the baseline with labels",
        family="baselines",
        paper="He et al. 2015, arXiv:1512.03385 (the recipe)",
        budget={
            "optimizer": "sgd",
            "lr": 0.1,  # for a batch of 128
            "momentum": 0.9,
            "weight_decay": 5e-4,
            "schedule": "cosine",
            "warmup": 0.05,
        },
    )
