"""What can go wrong by the user's hand: one message, no traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """A mistake that the user can mend: says what is wrong, where, and the nearest right thing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a message about an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    lowered = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f" Did you mean '{lowered[close[0]]}'?"
    return f" Known: {', '.join(names)}." if names else ""
