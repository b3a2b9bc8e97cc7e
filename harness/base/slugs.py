"""Names as parts of paths."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


def slug(name: str) -> str:
    """A name as one safe part of a path: lower-case letters, digits, '-' and '_'.

    A name that had to be altered gets a hash, so that two names never share a slug.
    """
    safe = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:60]
    if safe == name and not re.search(r"(^|-)[0-9a-f]{8}$", name):  # nor may it look like one that got a hash
        return safe
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


def default_results(suite: str) -> Path:
    return Path("results") / slug(suite)
