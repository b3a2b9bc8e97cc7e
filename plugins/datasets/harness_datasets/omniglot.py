"""Omniglot, 28x28, in the class splits of Vinyals et al. 2016 or Lake et al. 2015."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torchvision import datasets

from harness import ImageDataset, Split, counted
from harness_datasets.arrays import (
    CHARACTERS,
    Arrays,
    as_split,
    cached,
    hold_out,
    pick_classes,
    with_rotations,
)
from harness_datasets.photos import explained

SIZE = 28
# The split lists published with Prototypical Networks (Snell et al. 2017) as a rule: of Omniglot's 50 alphabets, 5 are
# for validation; those from Kannada on in `images_evaluation`, and the end of Gurmukhi, are novel; others train.
VINYALS_VALIDATION = ("Armenian", "Bengali", "Early_Aramaic", "Hebrew", "Mkhedruli_(Georgian)")
VINYALS_NOVEL = (
    "Kannada",
    "Keble",
    "Malayalam",
    "Manipuri",
    "Mongolian",
    "Old_Church_Slavonic_(Cyrillic)",
    "Oriya",
    "Sylheti",
    "Syriac_(Serto)",
    "Tengwar",
    "Tibetan",
    "ULOG",
)
VINYALS_CUT = ("Gurmukhi", "character42")  # the first novel character of the one alphabet that is in two splits


class Omniglot(ImageDataset):
    """Splits of classes "alphabet/character", 20 drawings each, uint8 (1, 28, 28), ink 255 on 0."""

    augmentation = CHARACTERS

    def load(self) -> Mapping[str, Split]:
        drawings = cached(self.folder / f"omniglot-{SIZE}.npz", self.fetch)
        splits = split_vinyals(drawings) if self.config.split == "vinyals" else split_lake(drawings)
        if self.config.held_out:
            splits["train"], splits["test"] = hold_out(splits["train"], self.config.held_out)
        if self.config.rotations:
            splits = {name: with_rotations(part) for name, part in splits.items()}
        return {name: as_split(part) for name, part in splits.items()}

    def fetch(self) -> dict[str, Arrays]:
        """Lake's two parts, `background` and `evaluation`."""
        source = datasets.Omniglot
        files = " and ".join(f"{source.download_url_prefix}/{name}.zip" for name in source.zips_md5)
        with explained(self, f"{files} into {self.folder / source.folder}"):
            parts = {
                name: datasets.Omniglot(self.folder, background=name == "background", download=self.config.download)
                for name in ("background", "evaluation")
            }
        return {name: read_alphabets(Path(part.target_folder)) for name, part in parts.items()}


def read_alphabets(folder: Path) -> Arrays:
    """Read <alphabet>/<character>/<drawing>.png, ink dark, 105x105."""
    characters = sorted(path for path in folder.glob("*/*") if path.is_dir())
    files = [sorted(path.glob("*.png")) for path in characters]
    drawings = [file for each in files for file in each]
    images = np.stack([read_drawing(file) for file in counted(drawings, "drawings read")])
    labels = np.repeat(np.arange(len(characters)), [len(each) for each in files])
    return Arrays(images, labels, tuple(f"{path.parent.name}/{path.name}" for path in characters))


def read_drawing(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as picture:
        return shrink(ImageOps.invert(picture.convert("L")))


def shrink(picture: Image.Image) -> NDArray[np.uint8]:
    """A grey picture, ink bright -> uint8 (28, 28)."""
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def split_lake(drawings: Mapping[str, Arrays]) -> dict[str, Arrays]:
    return {"train": drawings["background"], "novel": drawings["evaluation"]}


def split_vinyals(drawings: Mapping[str, Arrays]) -> dict[str, Arrays]:
    one, other = drawings["background"], drawings["evaluation"]
    both = Arrays(
        np.concatenate([one.images, other.images]),
        np.concatenate([one.labels, other.labels + len(one.classes)]),
        one.classes + other.classes,
    )
    members: dict[str, list[str]] = {"train": [], "validation": [], "novel": []}
    for name in both.classes:
        members[vinyals(name)].append(name)
    return {split: pick_classes(both, tuple(names)) for split, names in members.items()}


def vinyals(name: str) -> str:
    """The split of a class "alphabet/character"."""
    alphabet, character = name.split("/")
    if alphabet in VINYALS_VALIDATION:
        return "validation"
    late = alphabet == VINYALS_CUT[0] and character >= VINYALS_CUT[1]
    return "novel" if late or alphabet in VINYALS_NOVEL else "train"
