"""What the report shows of a detector: a few test pictures with the boxes that there are and those that were found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from harness import Pictures, Split
from harness_detection.precision import Floats, Found, Truth

MOST = 8  # pictures
MOST_BYTES = 4_000_000  # of their pixels: a record is read whole
SURE = 0.5  # the score from which on a detection is drawn


def shown(split: Split, real: Sequence[Truth], found: Sequence[Found]) -> Pictures | None:
    """The first pictures of a split with the boxes "truth" and "found", or None where they are neither grey nor in
    colours."""
    channels, height, width = split.samples.shape[1:]  # type: ignore[union-attr]
    if channels not in (1, 3):
        return None
    number = min(len(split), MOST, max(1, MOST_BYTES // (channels * height * width)))
    pixels = split.samples[torch.arange(number)]  # type: ignore[call-overload]
    boxes = {
        "truth": numbered([each.boxes[~each.ignored] for each in real[:number]]),
        "found": numbered([each.boxes[each.scores >= SURE] for each in found[:number]]),
    }
    return Pictures(pixels.cpu().numpy(), boxes)


def numbered(boxes: Sequence[Floats]) -> NDArray[np.float32]:
    """Boxes of pictures (M, 4) in one array, each after the number of its picture: (all, 5)."""
    rows = [np.insert(each.reshape(-1, 4), 0, number, axis=1) for number, each in enumerate(boxes)]
    return np.concatenate(rows).astype(np.float32)
