"""Converts an error to the status and message of a record."""

from __future__ import annotations

import errno
import traceback

import torch

from harness.base.outcome import Status

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "_ALLOC_FAILED")  # torch's allocators, CUDA's libraries


class RankError(Exception):
    """What ended another rank, and so the training."""

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status = status


def words_of(error: Exception) -> str:
    """Type and message, without the notes that it may carry; of another rank, its words."""
    if isinstance(error, RankError):
        return str(error)
    plain = traceback.TracebackException.from_exception(error)
    plain.__notes__ = None  # as where there are none
    return list(plain.format_exception_only())[-1].strip()


def status_of(error: Exception) -> Status:
    """Whether memory was what it lacked; of another rank, what became of that."""
    if isinstance(error, RankError):
        return error.status
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return "oom"
    if isinstance(error, OSError):
        return "oom" if error.errno == errno.ENOMEM else "failed"
    lacked = isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY)
    return "oom" if lacked else "failed"
