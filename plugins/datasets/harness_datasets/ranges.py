"""Pictures of more than 8 bits a value. A file of 16 bits does not say whether its values end at 4,095 or at 65,535, so
that is seen from all values of a data set, and is the same for all its splits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTE = 8
Integers = NDArray[Any]


def bits_of(values: Integers) -> int:
    """How many bits the largest takes, at least 8. Raises ValueError if there are values below 0."""
    if np.min(values) < 0:
        raise ValueError("it has values below 0, which are no pixels")
    return max(BYTE, int(np.max(values)).bit_length())


def in_a_byte(values: Integers, bits: int) -> NDArray[np.uint8]:
    """0 .. 2^bits - 1 as 0 .. 255, rounded down."""
    return np.minimum(values.astype(np.uint64) * 255 // (2**bits - 1), 255).astype(np.uint8)


def range_note(bits: int) -> str:
    return f"values from 0 to {2**bits - 1:,} become 0 to 255"
