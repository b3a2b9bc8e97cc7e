"""Registers the backbone `timm`, any model of the library of that name, and the method `mae`, which trains its ViTs."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Augmentation, Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Which model, and whether it has weights. `weights` stays the suite's key, for files of one's own."""

    model: str = option(
        help="name of a timm model, for example resnet18; for weights that do not change with timm's version, with "
        "its tag: resnet18.a1_in1k"
    )
    channels_last: bool = option(
        True, "layout of the weights: faster on a CPU, but a few models crash with it", identity=False
    )
    pretrained: bool = option(
        False,
        "true: the weights that timm publishes under the model's tag, or else its default tag, which are fetched once; "
        "false: random",
        identity=False,  # the fingerprint says which
    )

    patch_size: int = option(
        0, "side of a vision transformer's patches in pixels; 0: as its name says", identity="unless default"
    )
    any_size: bool = option(
        False,
        "true: a vision transformer then takes pictures of other sizes as well, such as small crops, and resizes its "
        "position embeddings for them",
        identity="unless default",
    )

    def __post_init__(self) -> None:
        if self.patch_size < 0:
            raise ValueError(f"patch_size must be at least 0, not {self.patch_size}")
        if self.pretrained and (self.patch_size or self.any_size):
            raise ValueError("patch_size and any_size are for random weights: leave them out, or 'pretrained'")

    def fingerprint(self) -> str | None:
        """The name of the published weights; None for random ones. A name without a tag takes a second: timm knows the
        default one, which is another in other versions."""
        if not self.pretrained or "." in self.model:
            return self.model if self.pretrained else None
        from harness_timm.published import full_name

        return full_name(self.model)


@dataclass(frozen=True)
class MAEConfig:
    """Options of MAE."""

    masked: float = option(0.75, "share of masked patches")
    decoder_dim: int = option(512, "width of the decoder")
    decoder_depth: int = option(8, "blocks of the decoder")
    decoder_heads: int = option(16, "attention heads of the decoder")
    normalised: bool = option(True, "whether each patch is predicted with zero mean and unit variance of its own")
    augment: Augmentation = option(
        Augmentation(jitter=0.0, gray=0.0, blur=0.0, solarise=0.0),
        "changes to the data set's augmentation; by default colours are left alone, as in the paper",
    )

    def __post_init__(self) -> None:
        if not 0 < self.masked < 1:
            raise ValueError(f"masked is a share of the patches: above 0 and below 1, not {self.masked}")
        for name in ("decoder_dim", "decoder_depth", "decoder_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.decoder_dim % 4 or self.decoder_dim % self.decoder_heads:
            raise ValueError(f"decoder_dim must be a multiple of 4 and of decoder_heads, not {self.decoder_dim}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "mae",
        "harness_timm.mae:MAE",
        MAEConfig,
        summary="Trains a vision transformer of timm to predict the pixels of masked patches",
        family="masked",
        paper="He et al. 2022, arXiv:2111.06377",
        budget={"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.05, "schedule": "cosine", "warmup": 0.05},
    )


@hookimpl
def register_backbones(register: Register) -> None:
    register(
        "timm",
        "harness_timm.backbone:backbone",
        Config,
        modality="images",
        summary="Any model of timm, random and made for the data's image size and channels, or with its published "
        "weights",
        paper="Wightman 2019, PyTorch Image Models, doi:10.5281/zenodo.4414861",
    )
