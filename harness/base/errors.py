"""What can go wrong by the user's hand: one message, no traceback, exit code 2."""

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
    """A mistake that the user can mend: says what is wrong, where, and the nearest right thing."""


class UsageWarning(UserWarning):
    """What a user should know and what stops nothing: a component gives it to `warnings.warn` in its `check`."""


def printable(message: str) -> str:
    """A message as it may be printed: what would act on a terminal is spelled out. Names of files come from anyone."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in message)


def nearest(name: str, known: Iterable[str]) -> str:
    """End of a message about an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    lowered = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f" Did you mean '{lowered[close[0]]}'?"
    return f" Known: {', '.join(names)}." if names else ""
