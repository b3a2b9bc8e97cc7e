"""CIFAR-10's pictures, where a copy is at hand: none is in both splits."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("HARNESS_DATA") or ROOT.parent / "shared" / "data") / "cifar10.npz"


@pytest.mark.skipif(not SHARED.is_file(), reason=f"the pictures are not at hand ({SHARED.name} in $HARNESS_DATA)")
@pytest.mark.skipif(not features.check("avif"), reason="this Pillow does not read AVIF")
def test_no_picture_is_in_both_splits() -> None:
    found = {"train": set[bytes](), "test": set[bytes]()}
    with np.load(SHARED) as file:
        for key in file.files:
            if "_avif_" in key:
                mosaic = np.asarray(Image.open(io.BytesIO(file[key].tobytes())).convert("RGB"))
                pictures = mosaic.reshape(50, 32, 50, 32, 3).swapaxes(1, 2).reshape(-1, 32 * 32 * 3)
                found[key.partition("_")[0]] |= {picture.tobytes() for picture in pictures}
    assert len(found["test"]) == 10_000
    assert len(found["train"]) == 50_000
    assert not found["train"] & found["test"]
