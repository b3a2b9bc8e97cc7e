"""Runs cells on this machine: a process each, forked from a server that has torch loaded."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class LocalConfig:
    """Options of the executor."""

    workers_per_gpu: int = option(1, "cells that share a GPU, for networks too small to fill it; see also --workers")

    def __post_init__(self) -> None:
        if self.workers_per_gpu < 1:
            raise ValueError(f"workers_per_gpu must be at least 1, not {self.workers_per_gpu}")


@hookimpl
def register_executors(register: Register) -> None:
    register(
        "local",
        "harness_local.executor:Local",
        LocalConfig,
        summary="this machine: a process per cell, slots on its GPUs or cores",
    )
