"""Registers `meta_baseline`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option


@dataclass(frozen=True)
class Config:
    """Options of Meta-Baseline."""

    ways: int = option(5, "classes of a training task")
    shots: int = option(1, "support samples of each class")
    queries: int = option(15, "query samples of each class")
    tasks: int = option(4, "tasks of a step")
    scale: float = option(10.0, "what cosines are multiplied by, the inverse of a temperature; learned from there")

    def __post_init__(self) -> None:
        if self.ways < 2:
            raise ValueError(f"ways must be at least 2, not {self.ways}")
        if min(self.shots, self.queries, self.tasks) < 1:
            raise ValueError("shots, queries and tasks must be at least 1")
        if self.scale <= 0:
            raise ValueError(f"scale must be positive, not {self.scale}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "meta_baseline",
        "harness_metabaseline.method:MetaBaseline",
        Config,
        summary="Trains an encoder further on episodes, by the cosine to class means at a learned scale",
        family="metric-based",
        paper="Chen et al. 2021, arXiv:2003.04390",
        budget={"optimizer": "sgd", "lr": 1e-3, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "constant"},
    )
