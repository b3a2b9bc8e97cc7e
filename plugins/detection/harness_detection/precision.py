"""Average precision as COCO defines it, by faster-coco-eval, and as VOC 2007 does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

Floats = NDArray[np.float64]
THRESHOLDS = np.linspace(0.5, 0.95, 10)  # of the intersection over union from which on an object is found
MOST = 100  # detections of a picture that count


class Truth(NamedTuple):
    """The objects of one picture: boxes (M, 4), labels (M,), and which are ignored (M,)."""

    boxes: Floats
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


class Found(NamedTuple):
    """What was found in one picture: boxes (M, 4), labels (M,) and scores (M,)."""

    boxes: Floats
    labels: NDArray[np.int64]
    scores: Floats


Precision = Callable[[Sequence[Truth], Sequence[Found], int], Floats]
"""Average precision for each threshold and class (10, classes); NaN for a class of which there is no object."""


def coco(truth: Sequence[Truth], found: Sequence[Found], classes: int) -> Floats:
    """The mean of the precision at 101 recalls (Lin et al. 2014, and COCO's own code)."""
    images = [{"id": number} for number in range(len(truth))]
    categories = [{"id": label} for label in range(classes)]
    objects = [
        {**_annotation(number, box, label), "iscrowd": int(ignored)}
        for number, each in enumerate(truth)
        for box, label, ignored in zip(*each, strict=True)
    ]
    detections = [
        {**_annotation(number, box, label), "iscrowd": 0, "score": float(score)}
        for number, each in enumerate(found)
        for box, label, score in zip(*each, strict=True)
    ]
    sides = [
        COCO({"images": images, "categories": categories, "annotations": _numbered(annotations)})
        for annotations in (objects, detections)
    ]
    scored: Any = COCOeval_faster(*sides, "bbox", print_function=_silent)
    scored.params.iouThrs, scored.params.maxDets = THRESHOLDS, [MOST]
    scored.params.areaRng, scored.params.areaRngLbl = [[0, 1e10]], ["all"]
    scored.evaluate()
    scored.accumulate()
    precision: Floats = np.asarray(scored.eval["precision"], dtype=np.float64)[:, :, :, 0, 0]
    return np.where((precision < 0).any(1), np.nan, precision.mean(1))


def _silent(*_: object) -> None:
    """In place of printing."""


def _annotation(picture: int, box: Floats, label: int) -> dict[str, Any]:
    left, upper, right, lower = map(float, box)
    size = (right - left, lower - upper)
    return {"image_id": picture, "category_id": int(label), "bbox": [left, upper, *size], "area": size[0] * size[1]}


def _numbered(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From 1 on: 0 stands for an object that was not found."""
    return [{"id": number, **each} for number, each in enumerate(annotations, 1)]


def voc07(truth: Sequence[Truth], found: Sequence[Found], classes: int) -> Floats:
    """The mean of the greatest precision from each of 11 recalls on (Everingham et al. 2010, section 4.2), for each
    threshold as detectron2 has it.

    A detection belongs to the object that it overlaps most, and is wrong if a better one has found that already. VOC's
    edges are numbers of pixels, the last one inside: its `+ 1` of each side is in our edges, between pixels, already.
    """
    return np.stack([_of_class(truth, found, label) for label in range(classes)], axis=1)


def _of_class(truth: Sequence[Truth], found: Sequence[Found], label: int) -> Floats:
    number = sum(int((~each.ignored[each.labels == label]).sum()) for each in truth)
    if not number:
        return np.full(len(THRESHOLDS), np.nan)
    hits = [_hits(*pair, label) for pair in zip(truth, found, strict=True)]
    scores = np.concatenate([each.scores[each.labels == label] for each in found])
    order = np.argsort(-scores, kind="stable")
    right, wrong = (np.concatenate([each[part] for each in hits], 1)[:, order].cumsum(1) for part in (0, 1))
    recall, precision = right / number, right / np.maximum(right + wrong, 1)
    levels = np.linspace(0, 1, 11)
    greatest = np.where(recall[:, None] >= levels[:, None], precision[:, None], 0)
    return greatest.max(2, initial=0).mean(1)


def _hits(truth: Truth, found: Found, label: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which detections of a class are right, and which are wrong, for each threshold: (10, n) in the order found."""
    own, there = found.labels == label, truth.labels == label
    overlaps = overlap(found.boxes[own], truth.boxes[there])
    ignored = truth.ignored[there]
    right = np.zeros((len(THRESHOLDS), len(overlaps)), dtype=bool)
    wrong = np.ones_like(right)
    if not overlaps.shape[1]:
        return right, wrong
    for row, threshold in enumerate(THRESHOLDS):
        free = np.ones(overlaps.shape[1], dtype=bool)
        for place in np.argsort(-found.scores[own], kind="stable"):
            best = overlaps[place].argmax()
            if overlaps[place, best] <= threshold:
                continue
            right[row, place] = free[best] and not ignored[best]
            wrong[row, place] = not free[best]
            free[best] = bool(ignored[best])
    return right, wrong


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of boxes, (M, 4) and (N, 4) -> (M, N)."""
    upper = np.maximum(one[:, None, :2], other[None, :, :2])
    lower = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (lower - upper).clip(0).prod(2)
    areas = [(each[:, 2:] - each[:, :2]).prod(1) for each in (one, other)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared))
