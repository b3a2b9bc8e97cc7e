"""Registers `simclr`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option
from harness_simclr.published import PUBLISHED


@dataclass(frozen=True)
class Config:
    """Options of SimCLR."""

    temperature: float = option(0.5, "softmax temperature of NT-Xent")
    projection_dim: int = option(128, "width of the projection that the loss sees")
    hidden_dim: int = option(0, "width of the projector's hidden layer; 0: that of the backbone's features")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if self.projection_dim < 1 or self.hidden_dim < 0:
            raise ValueError("projection_dim must be at least 1 and hidden_dim at least 0")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "simclr",
        "harness_simclr.method:SimCLR",
        Config,
        summary="Contrasts two views of each image with all other images of the batch",
        family="contrastive",
        paper="Chen et al. 2020, arXiv:2002.05709",
        budget={
            "optimizer": "sgd",
            "lr": 0.06,  # for a batch of 128
            "momentum": 0.9,
            "weight_decay": 5e-4,
            "schedule": "cosine",
            "warmup": 0.05,
        },
        published=PUBLISHED,
    )
