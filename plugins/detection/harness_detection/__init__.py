"""Registers the data sets `glyph_scenes`, `coco_folder` and `voc`, and the evaluators `detection` and
`segmentation`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness_datasets.fonts import content_version

from harness import Budget, Register, UsageError, hookimpl, option
from harness_detection.published import PUBLISHED

WARMUP = 0.1  # share of the steps in which the rate rises
LARGEST = 4096  # pixels on a side
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
class CocoFolderConfig:
    """Options of `coco_folder`. Its files lie as COCO's own do by default."""

    path: Path = option(help="folder of the pictures and of the JSON files", identity=False)
    train: str = option("annotations/instances_train2017.json", "COCO JSON of `train`, in the folder", identity=False)
    test: str = option("annotations/instances_val2017.json", "COCO JSON of `test`, in the folder", identity=False)
    train_pictures: str = option("train2017", "folder of the pictures of `train`, in the folder", identity=False)
    test_pictures: str = option("val2017", "folder of the pictures of `test`, in the folder", identity=False)
    size: int = option(512, "side of the squares that pictures are letterboxed to, in pixels")

    def __post_init__(self) -> None:
        _check_size(self.size)

    @property
    def files(self) -> dict[str, Path]:
        return {"train": self.path / self.train, "test": self.path / self.test}

    @property
    def pictures(self) -> dict[str, Path]:
        return {"train": self.path / self.train_pictures, "test": self.path / self.test_pictures}

    def fingerprint(self) -> str:
        """Of the JSON files, and of the names and sizes of all pictures. Raises UsageError if a JSON is missing."""
        digest = hashlib.sha256()
        for name, file in self.files.items():
            if not file.is_file():
                raise UsageError(f"there is no file {file}.")
            digest.update(file.read_bytes())
            for picture in sorted(self.pictures[name].rglob("*")):
                if picture.is_file():
                    digest.update(f"{picture.name} {picture.stat().st_size} ".encode())
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class VocConfig:
    """Options of `voc`."""

    size: int = option(512, "side of the squares that pictures are letterboxed to, in pixels")
    download: bool = option(True, "fetch what is not in the cache: 2.8 GB", identity=False)

    def __post_init__(self) -> None:
        _check_size(self.size)


def _check_size(size: int) -> None:
    if not 16 <= size <= LARGEST:
        raise ValueError(f"size must be 16 to {LARGEST} pixels, not {size}")


@dataclass(frozen=True)
class TransferConfig:
    """Options of what is fine-tuned on maps of an encoder."""

    stride: int = option(8, "largest stride in pixels; the coarsest map of the backbone within it is used")
    steps: int = option(200, "steps of fine-tuning")
    batch_size: int = option(8, "pictures of a step")
    optimizer: str = option("adamw", "name of a registered optimizer")
    lr: float = option(0.001, "highest learning rate: reached after a tenth of the steps, then falling along a cosine")
    weight_decay: float = option(0.0001, "weight decay of matrices and kernels")
    freeze: Literal["none", "backbone"] = option("none", "backbone: only the layers on top learn")
    norm: Literal["train", "frozen"] = option(
        "train", "frozen: the backbone's batch norms keep statistics, which are measured on training pictures first"
    )
    reference: str = option("train", "split that is learned from")
    test: str = option("test", "split that is scored")
    seed: int = option(0, "of the first weights of the layers on top and of the batches")

    def __post_init__(self) -> None:
        self.at_least_one("stride", "steps")
        self.budget(self.batch_size)

    def at_least_one(self, *names: str) -> None:
        """Raises ValueError for an option below 1."""
        if low := [name for name in names if getattr(self, name) < 1]:
            raise ValueError(f"{low[0]} must be at least 1, not {getattr(self, low[0])}")

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


@dataclass(frozen=True)
class SegmentationConfig(TransferConfig):
    """Options of `segmentation`."""


@dataclass(frozen=True)
class DetectionConfig(TransferConfig):
    """Options of `detection`."""

    detector: Literal["fasterrcnn", "fcos", "retinanet"] = option(
        "fasterrcnn",
        "fasterrcnn: proposals, then a head on each (Ren et al. 2015); fcos: without anchors (Tian et al. 2019); "
        "retinanet: one step, focal loss (Lin et al. 2017)",
    )
    flip: float = option(0.0, "probability that a training picture is mirrored")
    width: int = option(256, "fasterrcnn: units of the two layers of the head; torchvision's are 1024")
    proposals: int = option(
        100, "fasterrcnn: regions of a picture that reach the head; torchvision's are 2000 to learn, 1000 to find"
    )
    sampled: int = option(
        64, "fasterrcnn: regions of a picture that the head learns from in a step; torchvision's are 512"
    )
    learn_ignored: bool = option(
        False, "whether ignored objects are learned, as detectron2 learns VOC's difficult ones"
    )
    metric: Literal["coco", "voc07"] = option(
        "coco", "coco: precision at 101 recalls; voc07: at 11, as VOC 2007 has it; both over IoU of .5 to .95"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.at_least_one("width", "proposals", "sampled")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip must be a probability, not {self.flip}")


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "glyph_scenes",
        "harness_detection.scenes:GlyphScenes",
        GlyphScenesConfig,
        modality="images",
        summary="Letters of six classes among strokes and noise, with their boxes: 96x96, grey",
    )
    register(
        "coco_folder",
        "harness_detection.coco_folder:CocoFolder",
        CocoFolderConfig,
        modality="images",
        summary="Your own pictures with a COCO JSON of their boxes, letterboxed; COCO itself is such a folder",
    )
    register(
        "voc",
        "harness_detection.voc:Voc",
        VocConfig,
        modality="images",
        summary="PASCAL VOC: trainval of 2007 and 2012, and test of 2007, with boxes of 20 classes, letterboxed",
        paper="Everingham et al. 2010, doi:10.1007/s11263-009-0275-4",
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "detection",
        "harness_detection.evaluator:Detection",
        DetectionConfig,
        summary="Average precision of an object detector that is fine-tuned on a copy of the encoder",
        paper="Ren et al. 2015, arXiv:1506.01497; He et al. 2020, arXiv:1911.05722 (as transfer)",
        published=PUBLISHED,
    )
    register(
        "segmentation",
        "harness_detection.segmentation:Segmentation",
        SegmentationConfig,
        summary="Mean intersection over union of a linear layer on the encoder's feature map",
        paper="Long et al. 2015, arXiv:1411.4038 (the score); He et al. 2020, arXiv:1911.05722 (as transfer)",
    )
