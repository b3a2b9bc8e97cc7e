"""A user's own pictures: <path>/<split>/<class>/<picture>."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from harness import Dataset, Split, UsageError
from harness.errors import nearest
from harness_datasets.arrays import Arrays, as_split, cached, recommended
from harness_datasets.npz import SPLITS, describe, forbid_shared_classes

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


class ImageFolder(Dataset):
    """The splits of a folder, cropped at the centre to squares and resized; decoded once, then cached."""

    def load(self) -> Mapping[str, Split]:
        config = self.config
        name = f"{config.fingerprint()[:18]}-{config.size}.npz"
        arrays = cached(self.folder / name, lambda: read_folder(config.path, config.size))
        splits = {name: as_split(part) for name, part in arrays.items()}
        self.augmentation = config.augmentation.over(recommended(splits))
        return splits


def read_folder(path: Path, size: int) -> dict[str, Arrays]:
    """Read all pictures, (N, size, size, 3), or (N, size, size) if none has colour. Raises UsageError."""
    folders = {folder.name: folder for folder in visible(path) if folder.is_dir()}
    if "train" not in folders:
        raise UsageError(
            f"{path} needs a folder 'train' with one folder per class; it has {', '.join(folders) or 'none'}."
        )
    for name in folders:
        if name not in SPLITS:
            raise UsageError(f"{path / name} is not a split.{nearest(name, SPLITS)}")
    classes = {split: class_folders(folders[split]) for split in SPLITS if split in folders}
    if strange := set(classes.get("test", ())) - set(classes["train"]):
        raise UsageError(f"{path}: {describe(strange)} in 'test' but not in 'train'; new classes belong in 'novel'.")
    splits = {}
    for split, members in classes.items():
        names = tuple(classes["train"] if split == "test" else members)
        splits[split] = read_split(members, names, size)
    forbid_shared_classes(splits, path)
    colourless = all((part.images == part.images[..., :1]).all() for part in splits.values())
    return {name: part._replace(images=part.images[..., 0]) for name, part in splits.items()} if colourless else splits


def class_folders(split: Path) -> dict[str, Path]:
    """Raises UsageError if there are none."""
    folders = {folder.name: folder for folder in visible(split) if folder.is_dir()}
    if not folders:
        raise UsageError(f"{split} has no folders; each class needs one with its pictures.")
    return folders


def read_split(folders: Mapping[str, Path], names: tuple[str, ...], size: int) -> Arrays:
    images, labels = [], []
    for name, folder in folders.items():
        files = [file for file in visible(folder) if file.suffix.lower() in ENDINGS]
        if not files:
            raise UsageError(f"{folder} has no pictures ({', '.join(ENDINGS)}).")
        images += [read_picture(file, size) for file in files]
        labels += [names.index(name)] * len(files)
    return Arrays(np.stack(images), np.array(labels), names)


def read_picture(file: Path, size: int) -> NDArray[np.uint8]:
    """uint8 (size, size, 3): the largest centred square, resized. Raises UsageError if the picture cannot be read."""
    try:
        with Image.open(file) as picture:
            upright = in_colour(ImageOps.exif_transpose(picture))
            return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{file} cannot be read as a picture: {error}") from error


def in_colour(picture: Image.Image) -> Image.Image:
    """As 8-bit RGB: what is transparent becomes white, 16-bit grey keeps its upper half. Raises OSError for others."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise OSError(f"pixels of mode {picture.mode} have no agreed range; save it with 8 or 16 bits")
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return picture.convert("RGB")


def visible(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
