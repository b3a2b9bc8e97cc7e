"""Registers `timm`: any model of the library of that name, random or with its published weights."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option


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

    def fingerprint(self) -> str | None:
        """The name of the published weights; None for random ones. A name without a tag takes a second: timm knows the
        default one, which is another in other versions."""
        if not self.pretrained or "." in self.model:
            return self.model if self.pretrained else None
        from harness_timm.published import full_name

        return full_name(self.model)


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
