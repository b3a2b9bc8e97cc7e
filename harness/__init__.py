"""harness: contrastive and meta-learning methods measured in one matrix. What plugin authors may use, and nothing else.

Names are imported when first used, so that `harness --help` and `harness list` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.base.errors import UsageError, UsageWarning, nearest
    from harness.base.processes import alive, process_start
    from harness.base.python import safe_path
    from harness.learning.collectives import gather, own_part, ranks, same_on_all
    from harness.learning.components import (
        Backbone,
        Classifier,
        Dataset,
        Evaluator,
        Method,
        Metric,
        Trained,
        class_means,
    )
    from harness.learning.data.augmentation import Augmentation
    from harness.learning.data.batches import EpisodeBatch, Episodes, Labelled, LabelledBatch, Views, gather_episodes
    from harness.learning.data.episodes import EpisodeIndices, draw_episodes, require_episodes
    from harness.learning.data.splits import Data, Split, require_classes
    from harness.learning.data.streaming import Streamed
    from harness.learning.data.transforms import augment
    from harness.learning.sync_norms import scale_and_shift
    from harness.plugins.compatibility import CONTRACT
    from harness.plugins.events import CellFinished, CellStarted, RunFinished, StepLogged
    from harness.plugins.executors import Capabilities, Ended, Executor, Job, Resources
    from harness.plugins.hookspecs import Register, hookimpl
    from harness.plugins.options import NoOptions, option
    from harness.plugins.published import Published
    from harness.running.job_command import run_job
    from harness.running.preloading import preload
    from harness.running.supervisor import GRACE_SECONDS

_LAZY = {
    **dict.fromkeys(
        ("Backbone", "Classifier", "Dataset", "Evaluator", "Method", "Metric", "Trained", "class_means"),
        "harness.learning.components",
    ),
    "CONTRACT": "harness.plugins.compatibility",
    "Augmentation": "harness.learning.data.augmentation",
    **dict.fromkeys(
        ("EpisodeBatch", "Episodes", "Labelled", "LabelledBatch", "Views", "gather_episodes"),
        "harness.learning.data.batches",
    ),
    **dict.fromkeys(("EpisodeIndices", "draw_episodes", "require_episodes"), "harness.learning.data.episodes"),
    **dict.fromkeys(("Data", "Split", "require_classes"), "harness.learning.data.splits"),
    "Streamed": "harness.learning.data.streaming",
    "augment": "harness.learning.data.transforms",
    **dict.fromkeys(("gather", "own_part", "ranks", "same_on_all"), "harness.learning.collectives"),
    **dict.fromkeys(("UsageError", "UsageWarning", "nearest"), "harness.base.errors"),
    **dict.fromkeys(("CellFinished", "CellStarted", "RunFinished", "StepLogged"), "harness.plugins.events"),
    **dict.fromkeys(("Capabilities", "Ended", "Executor", "Job", "Resources"), "harness.plugins.executors"),
    **dict.fromkeys(("Register", "hookimpl"), "harness.plugins.hookspecs"),
    "run_job": "harness.running.job_command",
    "scale_and_shift": "harness.learning.sync_norms",
    **dict.fromkeys(("NoOptions", "option"), "harness.plugins.options"),
    "preload": "harness.running.preloading",
    **dict.fromkeys(("alive", "process_start"), "harness.base.processes"),
    "Published": "harness.plugins.published",
    "safe_path": "harness.base.python",
    "GRACE_SECONDS": "harness.running.supervisor",
}

__all__ = [
    "CONTRACT",
    "GRACE_SECONDS",
    "Augmentation",
    "Backbone",
    "Capabilities",
    "CellFinished",
    "CellStarted",
    "Classifier",
    "Data",
    "Dataset",
    "Ended",
    "EpisodeBatch",
    "EpisodeIndices",
    "Episodes",
    "Evaluator",
    "Executor",
    "Job",
    "Labelled",
    "LabelledBatch",
    "Method",
    "Metric",
    "NoOptions",
    "Published",
    "Register",
    "Resources",
    "RunFinished",
    "Split",
    "StepLogged",
    "Streamed",
    "Trained",
    "UsageError",
    "UsageWarning",
    "Views",
    "alive",
    "augment",
    "class_means",
    "draw_episodes",
    "gather",
    "gather_episodes",
    "hookimpl",
    "nearest",
    "option",
    "own_part",
    "preload",
    "process_start",
    "ranks",
    "require_classes",
    "require_episodes",
    "run_job",
    "safe_path",
    "same_on_all",
    "scale_and_shift",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)
