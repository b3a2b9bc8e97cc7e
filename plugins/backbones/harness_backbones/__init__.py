"""Registers `conv4`, `mlp`, `resnet18`, `resnet50` and `torchvision`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class Conv4Config:
    """Options of the four-layer network of few-shot learning."""

    width: int = option(64, "filters of each layer")
    variant: Literal["pool", "stride"] = option(
        "pool",
        "pool: max-pooling, flattened (ProtoNet); stride: stride 2, mean over space (MAML on Omniglot)",
    )

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")


@dataclass(frozen=True)
class ResNetConfig:
    """Options of the residual networks."""

    stem: Literal["auto", "small", "imagenet"] = option(
        "auto",
        "small: 3x3, stride 1, no max-pool; imagenet: 7x7, stride 2, max-pool; auto: small below 64 px",
    )


@dataclass(frozen=True)
class TorchvisionConfig:
    """Which model, and which of its weights. `weights` stays the suite's key, for files of one's own."""

    model: str = option(help="name of a classification model of torchvision, for example resnet18 or convnext_tiny")
    pretrained: str | None = option(
        None,
        "name of weights that torchvision publishes for the model, for example IMAGENET1K_V1 or IMAGENET1K_V2, which "
        "are fetched once; none: random",
    )


@dataclass(frozen=True)
class MLPConfig:
    """Options of the multilayer perceptron."""

    width: int = option(256, "units of each layer, and of the features")
    depth: int = option(3, "linear layers")

    def __post_init__(self) -> None:
        if min(self.width, self.depth) < 1:
            raise ValueError("width and depth must be at least 1")


@hookimpl
def register_backbones(register: Register) -> None:
    register(
        "conv4",
        "harness_backbones.conv4:Conv4",
        Conv4Config,
        modality="images",
        summary="Four 3x3 convolutions, the network of few-shot papers",
        paper="Snell et al. 2017, arXiv:1703.05175 (pool); Finn et al. 2017, arXiv:1703.03400 (stride)",
    )
    register(
        "mlp",
        "harness_backbones.mlp:MLP",
        MLPConfig,
        modality="vectors",
        summary="Linear layers with batch norm and ReLU between them, for vectors",
    )
    register(
        "torchvision",
        "harness_backbones.zoo:backbone",
        TorchvisionConfig,
        modality="images",
        summary="Any classification model of torchvision without its classifier, random or with its published weights",
    )
    for depth in (18, 50):
        register(
            f"resnet{depth}",
            f"harness_backbones.resnet:resnet{depth}",
            ResNetConfig,
            modality="images",
            summary=f"ResNet-{depth} of torchvision, with a stem for small images",
            paper="He et al. 2015, arXiv:1512.03385",
        )
