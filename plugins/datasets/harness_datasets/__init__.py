"""Registers the bundled data sets with their options. Imports neither torch nor the data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import Augmentation, Register, hookimpl, option
from harness_datasets.division import Division
from harness_datasets.fingerprints import file_fingerprint, pictures_fingerprint
from harness_datasets.folders import list_folder
from harness_datasets.fonts import content_version
from harness_datasets.lists import list_rows
from harness_datasets.pictures import MOST, Listing
from harness_datasets.shards import list_shards

AUGMENTATION = "what differs from the default, which is that of photos for colour and of characters for grey"


LARGEST = 8192  # pixels on a side
READER = 3  # how pictures become arrays: a change here is a change of the data


@dataclass(frozen=True)
class GlyphsConfig:
    """Options of `glyphs`: none."""

    def fingerprint(self) -> str:
        return content_version()


@dataclass(frozen=True)
class NpzConfig:
    """Options of `npz`."""

    path: Path = option(help="the .npz file; README.md says what is in it", identity=False)
    rotations: bool = option(False, "each 90-degree rotation of a class is a further class, in every split")
    augmentation: Augmentation = option(Augmentation(), AUGMENTATION)

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)


@dataclass(frozen=True)
class PicturesConfig(ABC):
    """Options of a set of pictures. What is in which split is part of the fingerprint, so no option that decides it is
    part of the identity."""

    path: Path | None = option(None, "where they are", identity=False)
    size: int | None = option(
        None,
        "height and width to which the pictures are cropped and resized, in pixels; none: the median of their shorter "
        "sides, at most 84",
    )
    memory_gb: float = option(
        4.0,
        "larger sets, once decoded, are read from their files as needed; random crops are then of whole pictures, not "
        "of their squares, which is part of the fingerprint",
        identity=False,
    )
    test: float | None = option(
        None, "share of each training class that is 'test'; none: 0.2 if there are no splits, else 0", identity=False
    )
    novel: float | tuple[str, ...] | None = option(
        None, "classes that are 'novel' instead of 'train': their share, or their names", identity=False
    )
    augmentation: Augmentation = option(Augmentation(), AUGMENTATION)

    def __post_init__(self) -> None:
        if self.size is not None and not 1 <= self.size <= LARGEST:
            raise ValueError(f"size must be at least 1 pixel and at most {LARGEST:,}, not {self.size}.")
        self.division.check()

    @property
    def division(self) -> Division:
        return Division(self.test, self.novel)

    @abstractmethod
    def listing(self) -> Listing:
        """The pictures of each split. Raises UsageError."""

    @property
    def where(self) -> Path:
        """What the pictures are known by: their path, which a set that is found otherwise does not have."""
        return self.path or Path()

    def streams(self, number: int, size: int) -> bool:
        """Whether so many pictures are too large for the memory once they are decoded."""
        return number * 3 * size**2 > self.memory_gb * 1e9

    def fingerprint(self) -> str:
        listing = self.listing()
        return f"{READER}-{self._crops(listing)}{pictures_fingerprint(listing, self.where)}"

    def _crops(self, listing: Listing) -> str:
        """Random crops of streamed pictures are others than those of pictures in memory."""
        paths = listing.paths
        if not self.streams(len(paths), self.size or MOST):
            return ""
        from harness_datasets.survey import survey  # for these alone: it takes a while to import

        found = survey(paths, self.where)
        size = found.size(self.size)
        return "whole-" if self.streams(len(paths), size) and found.hold_more(size) else ""


@dataclass(frozen=True)
class ImageFolderConfig(PicturesConfig):
    """Options of `image_folder`."""

    path: Path = option(help="the folder of <split>/<class>/<picture>, or of <class>/<picture>", identity=False)

    def listing(self) -> Listing:
        return list_folder(self.path, self.division)


@dataclass(frozen=True)
class ImageListConfig(PicturesConfig):
    """Options of `image_list`."""

    path: Path = option(help="a .csv or .parquet file; README.md says what is in it", identity=False)
    labels: str | tuple[str, ...] = option(
        "label",
        "column of the labels, ; between several of one picture; or a column of 0 and 1 for each class",
        identity=False,
    )
    split: str = option("split", "column of train, test, val, validation or novel, if there is one", identity=False)

    def listing(self) -> Listing:
        return list_rows(self.path, self.labels, self.split, self.division)


@dataclass(frozen=True)
class WebDatasetConfig(PicturesConfig):
    """Options of `webdataset`."""

    path: Path = option(
        help="tar files: a folder of them, or a pattern such as train-{000..146}.tar or {train,val}-*.tar",
        identity=False,
    )
    labels: str | None = option(
        None,
        "ending of the file with the label, beside each picture; of a .json with the key: json.label; none: cls, "
        "json.label or txt, the first that there is",
        identity=False,
    )

    def listing(self) -> Listing:
        return list_shards(self.path, self.labels, self.division)


@dataclass(frozen=True)
class TableConfig:
    """Options of `table`."""

    path: Path = option(help="a .parquet, .csv or .npz file; README.md says what is in it", identity=False)
    labels: str = option("label", "column of the classes; a table without it has no labels")
    split: str = option("split", "column of train, test, validation or novel; a table without it is all train")
    corruption: float = option(0.6, "share of the columns that a view replaces by other samples' values")

    def __post_init__(self) -> None:
        if not 0 <= self.corruption <= 1:
            raise ValueError(f"corruption is a share: 0 .. 1, not {self.corruption}")

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)


@dataclass(frozen=True)
class DownloadConfig:
    """Options of a set that torchvision knows."""

    download: bool = option(True, "fetch it from its home if it is not in the cache", identity=False)


@dataclass(frozen=True)
class OmniglotConfig(DownloadConfig):
    """Options of `omniglot`."""

    split: Literal["vinyals", "lake"] = option(
        "vinyals", "which classes are novel: Vinyals et al. 2016 (1028/172/423) or Lake et al. 2015 (964/0/659)"
    )
    rotations: bool = option(False, "each 90-degree rotation of a class is a further class, in every split")
    held_out: int = option(0, "drawings of each training class, of 20, that are the split 'test'; 0: there is none")

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 20:
            raise ValueError(f"held_out must be 0 .. 19 of a class's 20 drawings, not {self.held_out}.")


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "glyphs",
        "harness_datasets.glyphs:Glyphs",
        GlyphsConfig,
        modality="images",
        summary="letters of 15 scripts drawn from matplotlib's fonts; novel classes are letters of other scripts",
    )
    register(
        "digits",
        "harness_datasets.digits:Digits",
        modality="images",
        summary="scikit-learn's 1,797 handwritten digits, 8x8",
    )
    register(
        "npz",
        "harness_datasets.npz:Npz",
        NpzConfig,
        modality="images",
        summary="your own arrays from an .npz file",
        reads=(".npz",),
    )
    register(
        "table",
        "harness_datasets.table:Table",
        TableConfig,
        modality="vectors",
        summary="your own vectors: rows of a parquet, CSV or .npz file",
        reads=(".parquet", ".csv", ".npz"),
    )
    register(
        "image_folder",
        "harness_datasets.image_folder:ImageFolder",
        ImageFolderConfig,
        modality="images",
        summary="your own pictures, in folders",
        reads=("/",),
    )
    register(
        "image_list",
        "harness_datasets.image_folder:ImageList",
        ImageListConfig,
        modality="images",
        summary="your own pictures, listed with their labels in a CSV or parquet file",
        reads=(".csv", ".parquet"),
    )
    register(
        "webdataset",
        "harness_datasets.image_folder:WebDataset",
        WebDatasetConfig,
        modality="images",
        summary="your own pictures, in tar files in the layout of WebDataset",
        reads=(".tar",),
    )
    register(
        "omniglot",
        "harness_datasets.omniglot:Omniglot",
        OmniglotConfig,
        modality="images",
        summary="1,623 handwritten characters of 50 alphabets, 28x28",
        paper="Lake et al. 2015, doi:10.1126/science.aab3050; Vinyals et al. 2016, arXiv:1606.04080",
    )
    for name, target, summary, paper in (
        ("cifar10", "Cifar10", "10 kinds of photos, 32x32", "Krizhevsky 2009"),
        ("cifar100", "Cifar100", "100 kinds of photos, 32x32", "Krizhevsky 2009"),
        ("stl10", "Stl10", "10 kinds of photos, 96x96 (labelled part)", "Coates et al. 2011"),
        ("fashion_mnist", "FashionMnist", "10 kinds of clothes, 28x28 grey", "Xiao et al. 2017, arXiv:1708.07747"),
        ("cifar_fs", "CifarFS", "CIFAR-100 in 64/16/20 classes", "Bertinetto et al. 2019, arXiv:1805.08136"),
        ("fc100", "FC100", "CIFAR-100 in 60/20/20 classes by superclass", "Oreshkin et al. 2018, arXiv:1805.10123"),
    ):
        place = f"harness_datasets.photos:{target}"
        register(name, place, DownloadConfig, modality="images", summary=summary, paper=paper)
