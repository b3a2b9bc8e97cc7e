"""Registers `maml` and `anil`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import Register, hookimpl, option
from harness_maml.published import PUBLISHED_ANIL, PUBLISHED_MAML


@dataclass(frozen=True)
class ANILConfig:
    """Options of ANIL."""

    ways: int = option(5, "classes of a training task; the most that an evaluation may have")
    shots: int = option(1, "support samples of each class")
    queries: int = option(15, "query samples of each class")
    tasks: int = option(4, "tasks of a meta-step")
    inner_lr: float = option(0.1, "learning rate of the inner loop")
    inner_steps: int = option(1, "inner gradient steps in training")
    test_steps: int = option(3, "inner gradient steps in evaluation")

    def __post_init__(self) -> None:
        if self.ways < 2:
            raise ValueError(f"ways must be at least 2, not {self.ways}")
        if min(self.shots, self.queries, self.tasks, self.inner_steps, self.test_steps) < 1:
            raise ValueError("shots, queries, tasks, inner_steps and test_steps must be at least 1")
        if self.inner_lr <= 0:
            raise ValueError(f"inner_lr must be positive, not {self.inner_lr}")


@dataclass(frozen=True)
class MAMLConfig(ANILConfig):
    """Options of MAML."""

    first_order: bool = option(False, "leave out second derivatives (FOMAML)")
    batch_norm: Literal["inductive", "transductive"] = option(
        "inductive",
        "what normalises the queries of a task: its support set, or all its queries together as in the paper's code",
    )
    engine: Literal["learn2learn", "functional", "vmap"] = option(
        "learn2learn",
        "who runs the inner loops: learn2learn's clones; functions of the weights; or these for all tasks at once, "
        "for a GPU",
        identity=False,  # their gradients are equal
    )


@dataclass(frozen=True)
class TasksConfig(MAMLConfig):
    """Options of MAML whose tasks are of labelled classes."""

    within: str | None = option(
        None,
        "column of categories, such as `domain`, that the classes of a training task share, each equally likely",
        identity="unless default",
    )
    only: str | None = option(
        None, "the one category of the column `within` that training tasks are from", identity="unless default"
    )


@hookimpl
def register_methods(register: Register) -> None:
    budget = {"optimizer": "adam", "lr": 1e-3}
    register(
        "maml",
        "harness_maml.maml:MAML",
        TasksConfig,
        summary="Learns an initialisation from which a few gradient steps solve a new task",
        family="optimisation-based",
        paper="Finn et al. 2017, arXiv:1703.03400",
        budget=budget,
        published=PUBLISHED_MAML,
    )
    register(
        "anil",
        "harness_maml.anil:ANIL",
        ANILConfig,
        summary="MAML whose inner loop changes only the last layer",
        family="optimisation-based",
        paper="Raghu et al. 2019, arXiv:1909.09157",
        budget=budget,
        published=PUBLISHED_ANIL,
    )
