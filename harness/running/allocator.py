"""Settings of the memory allocator of a job's process."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h


def use_huge_pages() -> None:
    """Let torch ask Linux for pages of 2 MB, where they are on demand. Call it before torch is imported."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def keep_freed_memory() -> None:
    """Let this process keep what it frees, where its C library is glibc; elsewhere do nothing.

    A training step allocates and frees the same large tensors again and again. By default each goes back to the system
    and comes again as untouched pages, which costs up to a third of a step on a CPU, and more where several cells run.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 1 << 30) or mallopt(M_MMAP_THRESHOLD, 32 << 20)  # the most that some versions take
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(M_TOP_PAD, 64 << 20)
