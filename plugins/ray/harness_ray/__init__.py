"""Runs cells on a Ray cluster: a task each, which Ray places where the CPUs, GPUs and memory are that it asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class RayConfig:
    """Options of the executor."""

    address: str | None = option(None, "a cluster: auto (that of this machine) or HOST:PORT; none: a Ray for this run")
    cpus: int = option(1, "CPUs, and so threads, for each device of a cell")
    gpus: float | None = option(
        None, "GPUs for each device of a cell; below 1, cells share one; none: 1, if there are any"
    )
    memory_gb: float | None = option(None, "memory that a cell is placed by; what limits it is --memory")
    retries: int = option(3, "how often a cell is started again whose worker or node was lost")

    def __post_init__(self) -> None:
        if self.address is not None and not re.fullmatch(r"auto|[^\s/]+:[0-9]{1,5}", self.address):
            raise ValueError(f"address is auto or HOST:PORT, not '{self.address}'")
        if self.cpus < 1:
            raise ValueError(f"cpus must be at least 1, not {self.cpus}")
        if self.gpus is not None and (self.gpus < 0 or (self.gpus > 1 and self.gpus % 1)):
            raise ValueError(f"gpus must be below 1 or whole, not {self.gpus:g}")
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ValueError(f"memory_gb must be more than 0, not {self.memory_gb:g}")
        if self.retries < 0:
            raise ValueError(f"retries must be at least 0, not {self.retries}")


@hookimpl
def register_executors(register: Register) -> None:
    register(
        "ray",
        "harness_ray.executor:Ray",
        RayConfig,
        summary="a Ray cluster: a task per cell, GPUs shared by fractions",
    )
