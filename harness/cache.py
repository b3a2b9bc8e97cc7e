"""Where data sets keep what they download or build."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from harness.naming import slug

CACHE = "HARNESS_CACHE"


def cache_root() -> Path:
    """$HARNESS_CACHE, or the user's cache folder."""
    return Path(os.environ.get(CACHE) or platformdirs.user_cache_dir("rep-harness", appauthor=False))


def cache_folder(dataset: str) -> Path:
    """The own place of a data set. `dataset`: its unique name."""
    return cache_root() / slug(dataset)
