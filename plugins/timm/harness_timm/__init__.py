"""Registers `timm`: any model of the library of that name, untrained."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Which model."""

    model: str = option(help="name of a timm model, for example resnet18 or vit_tiny_patch16_224; never pretrained")
    channels_last: bool = option(
        True, "layout of the weights: faster on a CPU, but a few models crash with it", identity=False
    )


@hookimpl
def register_backbones(register: Register) -> None:
    register(
        "timm",
        "harness_timm.backbone:backbone",
        Config,
        modality="images",
        summary="Any model of timm, untrained, made for the data's image size and channels",
        paper="Wightman 2019, PyTorch Image Models, doi:10.5281/zenodo.4414861",
    )
