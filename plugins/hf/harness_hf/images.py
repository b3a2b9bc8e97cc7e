"""`hf_images`: pictures of the library's data sets, decoded, cropped and streamed as those of folders are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness_datasets.image_folder import ImageFolder
from harness_datasets.pictures import Listing

from harness import UsageError
from harness_hf import HfImagesConfig
from harness_hf.library import library, splits_of
from harness_hf.rows import Wanted, known, list_rows


class HfImages(ImageFolder):
    """The splits of a data set of pictures and their labels."""


def list_images(config: HfImagesConfig) -> Listing:
    """Raises UsageError."""

    def column(rows: Any, where: Path, labels: str) -> str:  # noqa: ARG001 (the same for texts)
        return image_column(rows, config.image, where)

    embedded = config.path is not None  # where only the folder is known, all of the content must be in it
    wanted = Wanted(column, config.labels, config.splits, config.division, embedded, unlabelled=False)
    return list_rows(splits_of(config), wanted, config.where)


def image_column(rows: Any, name: str | None, where: Path) -> str:
    """Raises UsageError that names the columns there are."""
    kind = library().Image
    images = [each for each, feature in rows.features.items() if isinstance(feature, kind)]
    if name is not None and known(name, rows, where) not in images:
        raise UsageError(f"{where}: the column '{name}' is {rows.features[name]}: no pictures.")
    if name is None and len(images) != 1:
        columns = ", ".join(f"'{each}' ({type(feature).__name__})" for each, feature in rows.features.items())
        which = (
            f"several columns of pictures: 'image' is one of {', '.join(images)}" if images else "no column of pictures"
        )
        raise UsageError(f"{where} has {which}. It has {columns}.")
    return name or images[0]
