"""Displays of an evaluator beside a score: a series of values along an axis, and pictures with boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_PICTURES = 64  # a record is read whole


@dataclass(frozen=True)
class Series:
    """Values of a metric along an axis, such as the accuracy after each class of a stream.

    The report draws their mean over units and seeds, a line for each row of the table.

    Attributes:
        axis: What the axis counts, such as "classes seen".
        places: Ascending places on the axis (K,).
        values: Values at these places (n, K), a row for each unit, such as for each order of a stream; in the unit of
            the metric.

    Raises:
        ValueError: The shapes do not fit, the places do not ascend, or a value is not finite.
    """

    axis: str
    places: NDArray[np.float32]
    values: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.places.ndim != 1 or self.values.ndim != 2 or self.values.shape[1:] != self.places.shape:
            raise ValueError(f"values must be (n, {len(self.places)}) for as many places, not {self.values.shape}")
        if not self.values.size or not np.isfinite(self.values).all():
            raise ValueError("values must be finite, and at least one")
        if (np.diff(self.places) <= 0).any():
            raise ValueError("places must ascend")

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that are stored, by the last part of their names."""
        return {"places": self.places.astype(np.float32), "values": self.values.astype(np.float32)}


@dataclass(frozen=True)
class Pictures:
    """A few pictures, which the report shows for the first seed of each row.

    Attributes:
        pixels: Pictures uint8 (P, C, H, W), with 1 or 3 channels; at most 64.
        boxes: Boxes by what they are, such as "truth" and "found": float32 (M, 5), each the number of its picture and
            x0, y0, x1, y1 in pixels.

    Raises:
        ValueError: The shapes do not fit, or there are more than 64 pictures.
    """

    pixels: NDArray[np.uint8]
    boxes: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8 or self.pixels.shape[1] not in (1, 3):
            raise ValueError(f"pixels must be uint8 (P, 1 or 3, H, W), not {self.pixels.dtype} {self.pixels.shape}")
        if not 1 <= len(self.pixels) <= MOST_PICTURES:
            raise ValueError(f"there must be 1 to {MOST_PICTURES} pictures, not {len(self.pixels)}")
        for name, boxes in self.boxes.items():
            if boxes.ndim != 2 or boxes.shape[1] != 5:
                raise ValueError(f"boxes '{name}' must be (M, 5), not {boxes.shape}")
            if ((boxes[:, 0] < 0) | (boxes[:, 0] >= len(self.pixels))).any():
                raise ValueError(f"boxes '{name}' name a picture that there is not")

    def arrays(self) -> dict[str, NDArray[np.float32] | NDArray[np.uint8]]:
        """The arrays that are stored, by the last part of their names."""
        boxes = {f"boxes/{name}": each.astype(np.float32) for name, each in self.boxes.items()}
        return {"pixels": self.pixels, **boxes}
