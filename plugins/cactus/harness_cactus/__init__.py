"""Registers `cactus`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from harness_maml import MAMLConfig

from harness import Register, hookimpl, option

BOTH = ("learner", "clusters", "partitions", "ways", "shots", "queries")  # options that both learners have


@dataclass(frozen=True)
class Config(MAMLConfig):
    """Options of CACTUs; those after `queries` are of the learner `maml` alone."""

    learner: Literal["maml", "protonet"] = option("maml", "which method learns the tasks")
    clusters: int = option(500, "clusters of each partition")
    partitions: int = option(10, "runs of k-means; all but the first on dimensions that are scaled at random")
    queries: int = option(5, "query samples of each class")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clusters < self.ways:
            raise ValueError(f"clusters must be at least as many as ways, {self.ways}, not {self.clusters}")
        if self.partitions < 1:
            raise ValueError("partitions must be at least 1")
        others = [each.name for each in fields(self) if each.name not in BOTH]
        set_here = [name for name in others if getattr(self, name) != getattr(type(self), name)]
        if self.learner == "protonet" and set_here:
            raise ValueError(f"{set_here[0]} must be left out for the learner protonet: it is an option of maml")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "cactus",
        "harness_cactus.method:build",
        Config,
        summary="MAML or ProtoNet whose classes are clusters of a trained encoder's features: needs no labels",
        family="clustering",
        paper="Hsu et al. 2019, arXiv:1810.02334",
        budget={"optimizer": "adam", "lr": 1e-3},
    )
