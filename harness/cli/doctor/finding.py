"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`what` was looked at in an `area`, and what was found. `advice`: what to do; empty if nothing is wrong."""

    area: str
    what: str
    found: str
    advice: str = ""
