"""Registers the data set `glyph_scenes` and the evaluator `detection`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness_datasets.fonts import content_version

from harness import Budget, Register, hookimpl, option

WARMUP = 0.1  # share of the steps in which the rate rises
SCENES = 1  # raise it with every change to what `glyph_scenes` draws


@dataclass(frozen=True)
class GlyphScenesConfig:
    """Options of `glyph_scenes`."""

    train: int = option(200, "scenes to learn from")
    test: int = option(200, "scenes to score on; none of their drawings is in a scene of train")
    seed: int = option(0, "of all that is drawn at random")

    def __post_init__(self) -> None:
        if min(self.train, self.test) < 1:
            raise ValueError("train and test must be at least 1")

    def fingerprint(self) -> str:
        return f"{SCENES}-{content_version()}"


@dataclass(frozen=True)
class DetectionConfig:
    """Options of `detection`."""

    detector: Literal["fasterrcnn"] = option(
        "fasterrcnn", "fasterrcnn: proposals, then a head on each (Ren et al. 2015)"
    )
    stride: int = option(
        8, "the detector stands on the coarsest map of the backbone whose stride is no more, in pixels"
    )
    steps: int = option(200, "steps of fine-tuning")
    batch_size: int = option(8, "pictures of a step")
    optimizer: str = option("adamw", "name of a registered optimizer")
    lr: float = option(0.001, "highest learning rate: reached after a tenth of the steps, then falling along a cosine")
    weight_decay: float = option(0.0001, "weight decay of matrices and kernels")
    freeze: Literal["none", "backbone"] = option("none", "backbone: only the detector's own layers learn")
    norm: Literal["train", "frozen"] = option(
        "train", "frozen: the backbone's batch norms keep statistics, which are measured on training pictures first"
    )
    width: int = option(256, "units of the two layers of the head; torchvision's are 1024")
    proposals: int = option(
        100, "regions of a picture that reach the head; torchvision's are 2000 to learn, 1000 to find"
    )
    sampled: int = option(64, "regions of a picture that the head learns from in a step; torchvision's are 512")
    metric: Literal["coco", "voc07"] = option(
        "coco", "coco: precision at 101 recalls; voc07: at 11, as VOC 2007 has it; both over IoU of .5 to .95"
    )
    reference: str = option("train", "split whose boxes are learned")
    test: str = option("test", "split in which objects are found")
    seed: int = option(0, "of the detector's first weights and of the batches")

    def __post_init__(self) -> None:
        counts = ("stride", "steps", "width", "proposals", "sampled")
        if low := [name for name in counts if getattr(self, name) < 1]:
            raise ValueError(f"{low[0]} must be at least 1, not {getattr(self, low[0])}")
        self.budget(self.batch_size)

    def budget(self, batch_size: int) -> Budget:
        """Of the fine-tuning. Raises ValueError for values that it cannot have."""
        return Budget(
            steps=self.steps,
            batch_size=batch_size,
            optimizer=self.optimizer,
            lr=self.lr,
            weight_decay=self.weight_decay,
            warmup=WARMUP,
        )


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "glyph_scenes",
        "harness_detection.scenes:GlyphScenes",
        GlyphScenesConfig,
        modality="images",
        summary="Letters of six classes among strokes and noise, with their boxes: 96x96, grey",
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "detection",
        "harness_detection.evaluator:Detection",
        DetectionConfig,
        summary="Average precision of an object detector that is fine-tuned on a copy of the encoder",
        paper="Ren et al. 2015, arXiv:1506.01497; He et al. 2020, arXiv:1911.05722 (as transfer)",
    )
