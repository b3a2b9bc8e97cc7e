"""Registers `moco` (version 2) and `moco_v3`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option
from harness_moco.published import PUBLISHED_V2, PUBLISHED_V3


@dataclass(frozen=True)
class _Common:
    """What both versions have."""

    temperature: float = option(0.2, "softmax temperature of the contrastive loss")
    momentum: float = option(0.99, "share of the key network that each step keeps")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be positive, not {self.temperature}")
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1, not {self.momentum}")


def _at_least(minimum: int, **values: int) -> None:
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, not {value}")


@dataclass(frozen=True)
class MoCoConfig(_Common):
    """Options of MoCo v2. Queue, momentum and splits are the authors' for CIFAR-10, the temperature version 2's."""

    queue_size: int = option(4096, "keys of earlier batches that serve as negatives; fewer than training samples")
    projection_dim: int = option(128, "width of the projection that the loss sees")
    hidden_dim: int = option(0, "width of the head's hidden layer; 0: that of the backbone's features")
    bn_splits: int = option(8, "parts of a batch that batch norm sees apart, as on so many GPUs; 1: the whole batch")

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(1, queue_size=self.queue_size, projection_dim=self.projection_dim, bn_splits=self.bn_splits)
        _at_least(0, hidden_dim=self.hidden_dim)


@dataclass(frozen=True)
class MoCoV3Config(_Common):
    """Options of MoCo v3."""

    projection_dim: int = option(256, "width of the projection that the loss sees")
    hidden_dim: int = option(4096, "width of the hidden layers of projector and predictor; 0: that of the features")

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(1, projection_dim=self.projection_dim)
        _at_least(0, hidden_dim=self.hidden_dim)


@hookimpl
def register_methods(register: Register) -> None:
    recipe = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine"}
    register(
        "moco",
        "harness_moco.method:MoCo",
        MoCoConfig,
        summary="Contrasts each image with a queue of keys from a momentum copy of the encoder (v2)",
        family="contrastive",
        paper="He et al. 2020, arXiv:1911.05722; Chen et al. 2020, arXiv:2003.04297",
        budget={**recipe, "lr": 0.03},
        published=PUBLISHED_V2,
    )
    register(
        "moco_v3",
        "harness_moco.v3:MoCoV3",
        MoCoV3Config,
        summary="Contrasts within the batch through a predictor; keys come from a momentum copy of the encoder",
        family="contrastive",
        paper="Chen et al. 2021, arXiv:2104.02057",
        budget={**recipe, "optimizer": "lars", "lr": 0.3, "weight_decay": 1e-6, "warmup": 0.1},
        published=PUBLISHED_V3,
    )
