"""Registers the data sets `mixture`, `textures` and `polygons`, and the methods `mtl` and `mmaml`.

Imports neither torch nor the components."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from harness_maml import ANILConfig

from harness import Augmentation, Register, hookimpl, option

TEXTURES, POLYGONS = 1, 1  # raise one with every change to what its data set draws


@dataclass(frozen=True)
class TexturesConfig:
    """Options of `textures`: none."""

    def fingerprint(self) -> str:
        return f"{TEXTURES}"


@dataclass(frozen=True)
class PolygonsConfig:
    """Options of `polygons`: none."""

    def fingerprint(self) -> str:
        return f"{POLYGONS}, pillow {version('pillow')}"


@dataclass(frozen=True)
class MixtureConfig:
    """Options of `mixture`. The data sets that it is made of are no option, but the key `of` of its entry."""

    size: int | None = option(None, "height and width of all pictures, in pixels; none: of the largest data set")
    channels: Literal[1, 3] | None = option(None, "1: all grey; 3: all in colour; none: 3 if any data set has colour")
    moments: Literal["pooled", "domain"] = option(
        "pooled",
        "by which mean and deviation pictures are normalised: those of all training pictures, or of their own domain's",
    )
    augmentation: Augmentation = option(
        Augmentation(), "what differs from the default, which is that of photos for colour and of characters for grey"
    )

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, not {self.size}")


@dataclass(frozen=True)
class MTLConfig:
    """Options of multi-task learning."""

    within: str | None = option(
        "domain", "column of categories, each a task with a classifier of its own; none: all classes are one task"
    )
    adaptation: Literal["ridge", "centroids"] = option(
        "ridge", "what learns an episode: ridge regression to the classes, or the cosine to the mean of each class"
    )
    ridge: float = option(1.0, "penalty of the ridge regression, for features of length 1")
    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise ValueError(f"ridge must be positive, not {self.ridge}")


@dataclass(frozen=True)
class MMAMLConfig(ANILConfig):
    """Options of MMAML: those of MAML's inner loop, and of its task encoder."""

    first_order: bool = option(False, "leave out second derivatives")
    hidden: int = option(64, "width of the layer between a task's embedding and its modulation")
    within: str | None = option(
        None, "column of categories, such as `domain`, that the classes of a training task share, each equally likely"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, not {self.hidden}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "mtl",
        "harness_domains.mtl:MTL",
        MTLConfig,
        summary="Multi-task training: one encoder, a softmax per task; adapts by ridge regression",
        family="baselines",
        paper="Wang et al. 2021, arXiv:2106.09017",
        budget={"optimizer": "adam", "lr": 1e-3},
    )
    register(
        "mmaml",
        "harness_domains.mmaml:MMAML",
        MMAMLConfig,
        summary="MAML from an initialisation that a task encoder modulates for each task",
        family="optimisation-based",
        paper="Vuorio et al. 2019, arXiv:1910.13616",
        budget={"optimizer": "adam", "lr": 1e-3},
    )


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "textures",
        "harness_domains.textures:Textures",
        TexturesConfig,
        modality="images",
        summary="190 kinds of wave patterns, 28x28 grey, computed; classes differ in directions and frequencies",
    )
    register(
        "polygons",
        "harness_domains.polygons:Polygons",
        PolygonsConfig,
        modality="images",
        summary="190 filled shapes of 5 to 9 corners, 28x28 grey, computed; classes differ in outlines",
    )
    register(
        "mixture",
        "harness_domains.mixture:Mixture",
        MixtureConfig,
        modality="images",
        summary="combines several data sets of pictures, its domains",
        combines=True,
    )
