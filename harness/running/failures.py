"""Converts an error to the status and message of a record."""

from __future__ import annotations

import errno
import traceback

import torch

from harness.base.outcome import Status

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "_ALLOC_FAILED")  # torch's allocators, CUDA's libraries


class RankError(Exception):
    """The error of another rank, which ended the training."""

    def __init__(self, message: str, status: Status) -> None:
        super().__init__(message)
        self.status = status


def words_of(error: Exception) -> str:
    """Type and message of an error without its notes; for an error of another rank, its message."""
    if isinstance(error, RankError):
        return str(error)
    plain = traceback.TracebackException.from_exception(error)
    plain.__notes__ = None  # as where there are none
    return list(plain.format_exception_only())[-1].strip()


def status_of(error: Exception) -> Status:
    """ "oom" if memory was exhausted, else "failed"; for an error of another rank, the status of that rank."""
    if isinstance(error, RankError):
        return error.status
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return "oom"
    if isinstance(error, OSError):
        return "oom" if error.errno == errno.ENOMEM else "failed"
    lacked = isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY)
    return "oom" if lacked else "failed"
