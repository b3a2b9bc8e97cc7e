"""Errors of users, which are shown as one message without a traceback, with exit code 2."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # what a write says of a disk, naming no file
ENVIRONMENT = (  # what the system says of files and folders of the user's
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
    *FULL,
)


class UsageError(Exception):
    """A mistake that the user can correct. The message says what is wrong, where, and what would be right."""


class UsageWarning(UserWarning):
    """Something that a user should know and that stops nothing. A component passes it to `warnings.warn` in its
    `check`.
    """


def printable(message: str) -> str:
    """A message that is safe to print: control characters, which may come from names of files, are escaped."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in message)


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest a known name; the end of a message about an unknown name.

    Args:
        name: The unknown name.
        known: The known names.

    Returns:
        " Did you mean '...'?" if a known name is similar, else a list of all known names; "" if there are none.
    """
    names = sorted(known)
    lowered = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f" Did you mean '{lowered[close[0]]}'?"
    return f" Known: {', '.join(names)}." if names else ""
