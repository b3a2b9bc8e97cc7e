"""Reads per-unit values, one per episode or image, and what evaluators show, from `evaluations/<id>.npz`."""

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


def arrays(path: Path, prefix: str) -> dict[str, Any]:
    """The arrays whose names begin so, by the rest of their names; empty if the file cannot be read."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name.removeprefix(prefix): stored[name] for name in stored.files if name.startswith(prefix)}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}
