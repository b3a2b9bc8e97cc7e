"""Reads per-unit values, one per episode or image, from `evaluations/<id>.npz`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any


def units(path: Path, metric: str) -> Any:
    """(n,) array of finite values; None if there is no such file or metric, or it cannot be read."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = arrays[metric]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        return None
    values = values.astype(float)
    return values[np.isfinite(values)]
