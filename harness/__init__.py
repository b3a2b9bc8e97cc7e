"""harness: contrastive and meta-learning methods measured in one matrix. What plugin authors may use, and nothing else.

Names are imported when first used, so that `harness --help` and `harness list` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.components import Backbone, Classifier, Dataset, Evaluator, Method, Metric, Trained, class_means
    from harness.contract import CONTRACT
    from harness.data.augmentation import Augmentation
    from harness.data.batches import EpisodeBatch, Episodes, Labelled, LabelledBatch, Views
    from harness.data.episodes import draw_episodes, require_episodes
    from harness.data.splits import Data, Split
    from harness.data.streaming import Streamed
    from harness.data.transforms import augment
    from harness.errors import UsageError
    from harness.events import CellFinished, CellStarted, RunFinished, StepLogged
    from harness.executors import Ended, Executor, Job, Resources
    from harness.hookspecs import Register, hookimpl
    from harness.options import NoOptions, option
    from harness.published import Published

_LAZY = {
    **dict.fromkeys(
        ("Backbone", "Classifier", "Dataset", "Evaluator", "Method", "Metric", "Trained", "class_means"),
        "harness.components",
    ),
    "CONTRACT": "harness.contract",
    "Augmentation": "harness.data.augmentation",
    **dict.fromkeys(("EpisodeBatch", "Episodes", "Labelled", "LabelledBatch", "Views"), "harness.data.batches"),
    **dict.fromkeys(("draw_episodes", "require_episodes"), "harness.data.episodes"),
    **dict.fromkeys(("Data", "Split"), "harness.data.splits"),
    "Streamed": "harness.data.streaming",
    "augment": "harness.data.transforms",
    "UsageError": "harness.errors",
    **dict.fromkeys(("CellFinished", "CellStarted", "RunFinished", "StepLogged"), "harness.events"),
    **dict.fromkeys(("Ended", "Executor", "Job", "Resources"), "harness.executors"),
    **dict.fromkeys(("Register", "hookimpl"), "harness.hookspecs"),
    **dict.fromkeys(("NoOptions", "option"), "harness.options"),
    "Published": "harness.published",
}

__all__ = [
    "CONTRACT",
    "Augmentation",
    "Backbone",
    "CellFinished",
    "CellStarted",
    "Classifier",
    "Data",
    "Dataset",
    "Ended",
    "EpisodeBatch",
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
    "Views",
    "augment",
    "class_means",
    "draw_episodes",
    "hookimpl",
    "option",
    "require_episodes",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)
