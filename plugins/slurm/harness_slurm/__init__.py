"""Runs cells on a SLURM cluster: a job per cell, submitted through submitit."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option

LEAST_MINUTES = 3  # SLURM may send its warning a minute early, and a cell needs some seconds to begin and to save


@dataclass(frozen=True)
class SlurmConfig:
    """Options of the executor."""

    partition: str | None = option(None, "where jobs are queued")
    account: str | None = option(None, "who pays")
    qos: str | None = option(None, "quality of service")
    constraint: str | None = option(None, "features that a node must have")
    cpus: int = option(1, "cores of a cell")
    gpus: int | None = option(None, "GPUs of each device of a cell; 1 unless --device is cpu")
    memory_gb: float | None = option(None, "memory of a cell; what the cluster gives by default")
    minutes: int = option(60, "time limit of a job; a cell that needs longer is queued again and goes on")
    at_once: int | None = option(None, "jobs that may run at the same time; see also --workers")

    def __post_init__(self) -> None:
        for name, least in (("cpus", 1), ("gpus", 0), ("minutes", LEAST_MINUTES), ("at_once", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ValueError(f"memory_gb must be more than 0, not {self.memory_gb:g}")


@hookimpl
def register_executors(register: Register) -> None:
    register(
        "slurm",
        "harness_slurm.executor:Slurm",
        SlurmConfig,
        summary="a SLURM cluster: a job per cell, job arrays, requeued when preempted or out of time",
    )
