"""What a plugin may implement. A plugin is a module named by an entry point in the group `harness`.

Registration must be cheap: the module that the entry point names imports neither torch nor its own
implementation. It names targets ("package.module:attribute") that are imported when a cell needs them, and
hands over the component's `Config` dataclass, so that options are checked before anything heavy loads.
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
    """Registers one component under a name."""

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
    ) -> None:
        """`target`: "package.module:attribute". `budget` (methods): the recipe's optimizer, rate, schedule.

        `published`: results that the leaderboard shows beside those of the same setting. `modality` (data sets and
        backbones, which must say it): what samples are, such as "images".
        `reads` (data sets with an option `path`): what that may be, "/" for a folder, or endings such as ".csv".
        `family`: what it is listed with, such as "contrastive".
        """


@hookspec
def register_methods(register: Register) -> None:
    """Register `harness.Method` classes."""


@hookspec
def register_backbones(register: Register) -> None:
    """Register callables ``(config, shape) -> nn.Module`` with an attribute `feature_dim`."""


@hookspec
def register_datasets(register: Register) -> None:
    """Register `harness.Dataset` classes."""


@hookspec
def register_evaluators(register: Register) -> None:
    """Register `harness.Evaluator` classes."""


@hookspec
def register_optimizers(register: Register) -> None:
    """Register callables ``(config, groups, budget) -> torch.optim.Optimizer``."""


@hookspec
def register_executors(register: Register) -> None:
    """Register `harness.executor.Executor` classes."""


@hookspec
def cell_started(event: CellStarted) -> None:
    """A cell begins."""


@hookspec
def step_logged(event: StepLogged) -> None:
    """A training step was logged."""


@hookspec
def cell_finished(event: CellFinished) -> None:
    """A cell has ended."""


@hookspec
def run_finished(event: RunFinished) -> None:
    """All cells have ended."""
