"""The hooks that a plugin may implement. A plugin is a module named by an entry point in the group `harness`.

Registration must be fast, so the module of the entry point imports neither torch nor its own implementation. It names
targets ("package.module:attribute") that are imported when a cell needs them, and passes the component's `Config`
dataclass, so that options can be checked without importing the component.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pluggy

from harness.plugins.events import CellFinished, CellStarted, RunFinished, StepLogged
from harness.plugins.options import NoOptions
from harness.plugins.published import Published

hookspec = pluggy.HookspecMarker("harness")
hookimpl = pluggy.HookimplMarker("harness")


class Register(Protocol):
    """The function by which a plugin registers a component under a name."""

    def __call__(
        self,
        name: str,
        target: str,
        config: type = NoOptions,
        *,
        summary: str = "",
        paper: str = "",
        budget: Mapping[str, Any] | None = None,
        published: Sequence[Published] = (),
        modality: str = "",
        reads: Sequence[str] = (),
        family: str = "other",
        combines: bool = False,
    ) -> None:
        """Register a component.

        Args:
            name: Name of the component in suites.
            target: Where it is: "package.module:attribute".
            config: Dataclass of its options, whose fields are made by `option`.
            summary: One sentence for `harness show`.
            paper: The source, such as "Chen et al. 2020, arXiv:2002.05709".
            budget: For methods: the optimizer, learning rate, schedule and so on of the recipe.
            published: Results from papers, which the leaderboard shows beside its own of the same setting.
            modality: For data sets and backbones, which must give it: the name of what samples are, such as "images".
            reads: For data sets with an option `path`: what it can be, "/" for a folder, or endings such as ".csv".
            family: Group in which `harness list` shows it, such as "contrastive".
            combines: For data sets: whether it is made of others. Its entry in a suite then names them under the key
                `of`, and they are loaded as its attribute `parts`.
        """


@hookspec
def register_methods(register: Register) -> None:
    """Register classes derived from `harness.Method`.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def register_backbones(register: Register) -> None:
    """Register callables ``(config, shape) -> nn.Module``, whose result has an attribute `feature_dim`.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def register_datasets(register: Register) -> None:
    """Register classes derived from `harness.Dataset`.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def register_evaluators(register: Register) -> None:
    """Register classes derived from `harness.Evaluator`.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def register_optimizers(register: Register) -> None:
    """Register callables ``(config, groups, budget) -> torch.optim.Optimizer``.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def register_executors(register: Register) -> None:
    """Register classes derived from `harness.executor.Executor`.

    Args:
        register: Function that registers one component; see `harness.Register`.
    """


@hookspec
def cell_started(event: CellStarted) -> None:
    """A cell begins to train or to be evaluated.

    Args:
        event: The cell and its folder.
    """


@hookspec
def step_logged(event: StepLogged) -> None:
    """A training step was logged.

    Args:
        event: The cell, the step and its metrics.
    """


@hookspec
def cell_finished(event: CellFinished) -> None:
    """A cell has ended.

    Args:
        event: The cell, its status and its scores.
    """


@hookspec
def run_finished(event: RunFinished) -> None:
    """All cells of a run have ended.

    Args:
        event: The results folder and the number of cells by status.
    """
