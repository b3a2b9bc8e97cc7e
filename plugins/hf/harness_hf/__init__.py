"""Registers data sets of Hugging Face's `datasets`. Imports neither that library nor torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness_datasets import READER, PicturesConfig
from harness_datasets.division import Division

from harness import Register, TextView, hookimpl, option
from harness_hf.identity import called, check_source, digest_of

if TYPE_CHECKING:
    from harness_datasets.pictures import Listing

PATH = "the folder that the library's `save_to_disk` wrote"
NAME = "name on Hugging Face's hub, instead: someone/something"
CONFIG = "which of its configurations; none: `default`, as the only one of most sets is called"
REVISION = "the commit of a name, 40 hexadecimal digits: a name alone means other data once somebody changes it"
LABELS = (
    "column of the labels: classes, texts or whole numbers, or lists of them; none: `label` or `labels`, or the only "
    "one of classes"
)
TEST = "share of each training class that is 'test'; none: 0.2 if there is no other split, else 0"


@dataclass(frozen=True)
class Splits:
    """Which split of the set is which of ours. Without it, `train`, `test` and `novel` are what is called so, and
    `validation` or the like is `test` where there is no `test`."""

    train: str | None = option(None, "for training")
    test: str | None = option(None, "further samples of the training classes")
    validation: str | None = option(None, "samples of classes that `train` does not have")
    novel: str | None = option(None, "samples of yet other classes, for few-shot tasks")


@dataclass(frozen=True)
class HfImagesConfig(PicturesConfig):
    """Options of `hf_images`."""

    path: Path | None = option(None, PATH, identity=False)
    name: str | None = option(None, NAME)
    config: str | None = option(None, CONFIG)
    revision: str | None = option(None, REVISION)
    image: str | None = option(None, "column of the pictures; none: the only one")
    labels: str | None = option(None, LABELS)
    splits: Splits = option(Splits(), "which of its splits is which")
    memory_gb: float = option(
        4.0, "larger sets, once decoded, are decoded as needed; random crops are then of whole pictures, not of squares"
    )
    test: float | None = option(None, TEST)
    novel: float | tuple[str, ...] | None = option(
        None, "classes that are 'novel' instead of 'train': their share, or their names"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_source(self.path, self.name, self.config, self.revision)

    @property
    def where(self) -> Path:
        return called(self)

    def listing(self) -> Listing:
        from harness_hf.images import list_images  # it takes the library

        return list_images(self)

    def fingerprint(self) -> str:
        """Begins with what decides the decoded pictures, which are cached under it."""
        chosen = [digest_of(self), self.image, self.labels, str(self.splits), self.memory_gb, *self.division]
        return f"{READER}-{hashlib.sha256(json.dumps(chosen).encode()).hexdigest()}"


@dataclass(frozen=True)
class HfTextsConfig:
    """Options of `hf_texts`."""

    path: Path | None = option(None, PATH, identity=False)
    name: str | None = option(None, NAME)
    config: str | None = option(None, CONFIG)
    revision: str | None = option(None, REVISION)
    text: str | None = option(None, "column of the texts; none: `text`, or the only one of texts that is not `labels`")
    labels: str | None = option(None, f"{LABELS}; no such column: no labels")
    splits: Splits = option(Splits(), "which of its splits is which")
    test: float | None = option(None, TEST)
    novel: float | tuple[str, ...] | None = option(
        None, "classes that are 'novel' instead of 'train': their share, or their names"
    )
    augmentation: TextView = option(TextView(), "what differs from the default view, dropout: the same tokens twice")

    def __post_init__(self) -> None:
        check_source(self.path, self.name, self.config, self.revision)
        self.division.check()

    @property
    def division(self) -> Division:
        return Division(self.test, self.novel)

    def fingerprint(self) -> str:
        return digest_of(self)


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "hf_images",
        "harness_hf.images:HfImages",
        HfImagesConfig,
        modality="images",
        summary="pictures of Hugging Face's datasets, saved on disk or by name",
    )
    register(
        "hf_texts",
        "harness_hf.texts:HfTexts",
        HfTextsConfig,
        modality="text",
        summary="texts of Hugging Face's datasets, saved on disk or by name",
    )
