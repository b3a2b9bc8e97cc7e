"""The cache folder, where data sets keep what they download or build."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from harness.base.errors import UsageError
from harness.base.slugs import slug

CACHE = "HARNESS_CACHE"


def cache_root() -> Path:
    """$HARNESS_CACHE, or the user's cache folder; for a user without a home, one in the temporary folder."""
    if given := os.environ.get(CACHE):
        return Path(given)
    try:
        home = Path.home().is_absolute()
    except RuntimeError:  # no HOME, and no entry for this user
        home = False
    return Path(platformdirs.user_cache_dir("rep-harness", appauthor=False)) if home else _without_home()


def _without_home() -> Path:
    """The cache folder of a user without a home. Raises UsageError if it belongs to another user, whose files must not
    be trusted.
    """
    folder = Path(tempfile.gettempdir(), f"rep-harness-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UsageError(
            f"{folder} belongs to another user, and you have no home folder: set {CACHE} to a folder for data sets."
        )
    return folder


def cache_folder(dataset: str) -> Path:
    """The own place of a data set. `dataset`: its unique name."""
    return cache_root() / slug(dataset)
