"""Registers `protonet`."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, hookimpl, option
from harness_protonet.published import PUBLISHED


@dataclass(frozen=True)
class Config:
    """Options of prototypical networks."""

    ways: int = option(20, "classes of a training episode; more than in the evaluation helps")
    shots: int = option(5, "support samples of each class")
    queries: int = option(5, "query samples of each class")
    within: str | None = option(
        None,
        "column of categories, such as `domain`, that the classes of a training episode share, each equally likely",
        identity="unless default",
    )
    only: str | None = option(
        None, "the one category of the column `within` that training episodes are from", identity="unless default"
    )

    def __post_init__(self) -> None:
        if self.ways < 2:
            raise ValueError(f"ways must be at least 2, not {self.ways}")
        if min(self.shots, self.queries) < 1:
            raise ValueError("shots and queries must be at least 1")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "protonet",
        "harness_protonet.method:ProtoNet",
        Config,
        summary="Classifies queries by their distance to the mean feature of each class",
        family="metric-based",
        paper="Snell et al. 2017, arXiv:1703.05175",
        budget={"optimizer": "adam", "lr": 1e-3},
        published=PUBLISHED,
    )
