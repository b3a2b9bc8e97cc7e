"""The common base of MAML and ANIL: a backbone with a linear head, trained on episodes."""

from __future__ import annotations

from typing import ClassVar, cast

from torch import nn

from harness import Backbone, Data, Episodes, Method, UsageError
from harness_maml import ANILConfig, TasksConfig


class MetaLearner(Method):
    """A backbone and a head of `ways` outputs. A task of fewer classes uses the first outputs."""

    name: str
    distributed: ClassVar[bool] = True
    compiles: ClassVar[bool] = False  # gradients of gradients, and clones that recurse in a compiled module
    config: ANILConfig

    def __init__(self, backbone: nn.Module, config: ANILConfig, data: Data) -> None:
        super().__init__(backbone, config, data)
        self.head = nn.Linear(cast(Backbone, backbone).feature_dim, config.ways)
        within, only = (config.within, config.only) if isinstance(config, TasksConfig) else (None, None)
        self.batches = Episodes(config.ways, config.shots, config.queries, config.tasks, within=within, only=only)

    def check_ways(self, ways: int) -> None:
        if ways > self.config.ways:
            raise UsageError(
                f"{self.name} learns tasks of {self.config.ways} classes and cannot be evaluated on {ways}: "
                f"set its option 'ways' to {ways} or more."
            )
