"""A user's pictures with a COCO JSON of their objects."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harness import Augmentation, ImageDataset, Split, UsageError, UsageWarning
from harness_detection import CocoFolderConfig
from harness_detection.boxes import Objects
from harness_detection.letterbox import Photo, split


class CocoFolder(ImageDataset):
    """`train` and `test`, as the files in `annotations` say: uint8 (3, size, size), letterboxed."""

    config: CocoFolderConfig
    augmentation = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)  # Chen et al. 2020, appendix B.9

    def load(self) -> Mapping[str, Split]:
        config = self.config
        read = {name: read_json(file) for name, file in config.files.items()}
        listed = {name: categories(content, config.files[name]) for name, content in read.items()}
        if listed["train"] != listed["test"]:
            raise UsageError(f"the categories of {config.files['train']} and {config.files['test']} are not the same.")
        self.notes = (f"letterboxed to squares of {config.size} pixels",)
        classes = tuple(listed["train"].values())
        return {
            name: split(photos(content, config.pictures[name], listed[name], config.files[name]), classes, config.size)
            for name, content in read.items()
        }


def read_json(file: Path) -> dict[str, Any]:
    """Raises UsageError unless it has the lists that COCO has."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read as JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UsageError(f"{file} is no COCO JSON of objects: it has no list '{key}'.")
    return content


def categories(content: Mapping[str, Any], file: Path) -> dict[int, str]:
    """Names by COCO's ids, which have gaps, in the order of ids: their places are our labels."""
    try:
        return {int(each["id"]): str(each["name"]) for each in sorted(content["categories"], key=lambda one: one["id"])}
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file}: a category has no id or no name.") from error


def photos(content: Mapping[str, Any], folder: Path, names: Mapping[int, str], file: Path) -> list[Photo]:
    """Pictures in the order of the file, those without objects as well. Boxes are cut at the picture's edges; those
    without area there are left out, with a warning."""
    label_of = {id_: label for label, id_ in enumerate(names)}
    try:
        images = {each["id"]: each for each in content["images"]}
        found: dict[Any, list[tuple[list[float], int, bool]]] = {id_: [] for id_ in images}
        flat = 0
        for each in content["annotations"]:
            image, (left, upper, width, height) = images[each["image_id"]], map(float, each["bbox"])
            right, lower = min(left + width, image["width"]), min(upper + height, image["height"])
            box = [max(left, 0.0), max(upper, 0.0), right, lower]
            if box[2] <= box[0] or box[3] <= box[1]:
                flat += 1
                continue
            found[image["id"]].append((box, label_of[each["category_id"]], bool(each.get("iscrowd", 0))))
        made = [
            Photo(folder / each["file_name"], int(each["width"]), int(each["height"]), as_objects(found[id_]))
            for id_, each in images.items()
        ]
    except KeyError as error:
        raise UsageError(f"{file}: an image or annotation has no {error}, or names one that is not listed.") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file}: an image or annotation is not as COCO has it: {error}") from error
    if flat:
        warnings.warn(f"{file}: {flat} boxes without area are left out.", UsageWarning, stacklevel=4)
    return made


def as_objects(found: list[tuple[list[float], int, bool]]) -> Objects:
    boxes = torch.tensor([box for box, _, _ in found], dtype=torch.float32).reshape(-1, 4)
    labels = torch.tensor([label for _, label, _ in found], dtype=torch.int64)
    return Objects(boxes, labels, torch.tensor([ignored for _, _, ignored in found], dtype=torch.bool))
