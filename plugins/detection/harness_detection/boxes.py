"""Boxes of the objects in a picture, and how a split holds them.

The columns of a split have a row per sample, so the boxes of a picture are one row, padded to as many as the fullest
picture has. Whatever takes a part of a split, such as a point of a curve, then takes the boxes with the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness import Split, UsageError

COLUMNS = ("boxes", "box_labels", "box_ignored")
NONE = -1  # the label of a place in a row that holds no box


class Objects(NamedTuple):
    """The objects of one picture.

    Attributes:
        boxes: Left, upper, right and lower edge in pixels, float32 (M, 4). A box of one pixel at the corner is 0 0 1 1.
        labels: Indices into the split's classes, int64 (M,).
        ignored: Objects that count neither as found nor as missed, bool (M,): COCO's crowds, VOC's difficult ones.
    """

    boxes: Tensor
    labels: Tensor
    ignored: Tensor


def columns(pictures: Sequence[Objects]) -> dict[str, Tensor]:
    """The columns of a split: `boxes` (N, most, 4), `box_labels` (N, most), -1 where there is no box, and `box_ignored`
    (N, most).

    Raises UsageError for a box that has no area.
    """
    most = max(1, *(len(each.labels) for each in pictures)) if pictures else 1
    made = {
        "boxes": torch.zeros(len(pictures), most, 4),
        "box_labels": torch.full((len(pictures), most), NONE),
        "box_ignored": torch.zeros(len(pictures), most, dtype=torch.bool),
    }
    for number, objects in enumerate(pictures):
        flat = (objects.boxes[:, 2:] <= objects.boxes[:, :2]).any(1)
        if flat.any():
            raise UsageError(f"picture {number} has a box without area: {objects.boxes[flat][0].tolist()}.")
        for name, values in zip(COLUMNS, objects, strict=True):
            made[name][number, : len(values)] = values
    return made


def objects(split: Split, number: int) -> Objects:
    """Those of one picture."""
    boxes, labels, ignored = (split.column(name)[number] for name in COLUMNS)
    there = labels != NONE
    return Objects(boxes[there], labels[there], ignored[there])


def require_boxes(split: Split, name: str) -> None:
    """Raises UsageError for a split without boxes, or with labels that are no classes."""
    if missing := [column for column in COLUMNS if column not in split.columns]:
        raise UsageError(
            f"the split '{name}' has no column '{missing[0]}': object detection needs a data set with boxes, such as "
            "'data: glyph_scenes'."
        )
    if not split.classes or int(split.column("box_labels").max()) >= len(split.classes):
        raise UsageError(f"the split '{name}' has boxes whose labels are none of its classes.")


def anchors(split: Split, number: int = 3) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sides of squares and ratios of height to width that boxes of a split are like: the middles of `number` parts of
    equal weight of their distributions."""
    boxes = split.column("boxes")[split.column("box_labels") != NONE]
    width, height = (boxes[:, 2:] - boxes[:, :2]).double().unbind(1)
    middles = ((torch.arange(number, dtype=torch.float64) + 0.5) / number).to(boxes.device)
    sides, ratios = (width * height).sqrt().quantile(middles), (height / width).quantile(middles)
    return tuple(sides.tolist()), tuple(ratios.tolist())
