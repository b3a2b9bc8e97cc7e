"""harness: measures contrastive self-supervised learning and meta-learning in one matrix.

This is the public API for scripts and notebooks, and for authors of methods, backbones, data sets, evaluators,
optimizers and observers. `harness.executor` is for authors of executors, `harness.testing` for the tests of plugins.

Names are imported when they are first used, so that `harness --help` and `harness list` stay fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.base.counting import counted
    from harness.base.errors import UsageError, UsageWarning, nearest
    from harness.base.per_file import per_file
    from harness.learning.collectives import gather, own_part, ranks, same_on_all
    from harness.learning.components import (
        Backbone,
        Classifier,
        Evaluator,
        Group,
        Method,
        Trained,
        class_means,
    )
    from harness.learning.data.augmentation import Augmentation, Crops, TextView
    from harness.learning.data.batches import (
        Batches,
        EpisodeBatch,
        Episodes,
        Labelled,
        LabelledBatch,
        Source,
        Views,
        gather_episodes,
    )
    from harness.learning.data.draw import Draw
    from harness.learning.data.episodes import EpisodeIndices, draw_episodes, require_episodes
    from harness.learning.data.images import Images, ImageShape, Preprocessing
    from harness.learning.data.modality import Modality, Shape
    from harness.learning.data.splits import ByClass, Data, Split, require_classes
    from harness.learning.data.streaming import Samples, Streamed, StreamedImages
    from harness.learning.data.text import Text, TextShape
    from harness.learning.data.vectors import Vectors, VectorShape
    from harness.learning.datasets import Dataset, ImageDataset, TextDataset, VectorDataset
    from harness.learning.displays import Pictures, Series
    from harness.learning.encoder import load_encoder
    from harness.learning.fine_tuning import fine_tune, unwrapped
    from harness.learning.metric import Metric
    from harness.learning.online import Online, RunningMeans
    from harness.learning.sync_norms import scale_and_shift
    from harness.plugins.compatibility import CONTRACT
    from harness.plugins.events import CellFinished, CellStarted, RunFinished, StepLogged
    from harness.plugins.hookspecs import Register, hookimpl
    from harness.plugins.options import NoOptions, option
    from harness.plugins.published import Published
    from harness.reporting.leaderboard.frames import leaderboard, scores
    from harness.running.run_options import Display, RunOptions
    from harness.running.session import Finished, run
    from harness.running.supervisor import Limits
    from harness.suite.budget import Budget
    from harness.suite.suite import Suite, load_suite

_LAZY = {
    "load_suite": "harness.suite.suite",
    "Suite": "harness.suite.suite",
    **dict.fromkeys(("Finished", "run"), "harness.running.session"),
    **dict.fromkeys(("Display", "RunOptions"), "harness.running.run_options"),
    "Limits": "harness.running.supervisor",
    "Budget": "harness.suite.budget",
    **dict.fromkeys(("leaderboard", "scores"), "harness.reporting.leaderboard.frames"),
    **dict.fromkeys(
        ("Backbone", "Classifier", "Evaluator", "Group", "Method", "Trained", "class_means"),
        "harness.learning.components",
    ),
    "Metric": "harness.learning.metric",
    "CONTRACT": "harness.plugins.compatibility",
    "counted": "harness.base.counting",
    **dict.fromkeys(("Augmentation", "Crops", "TextView"), "harness.learning.data.augmentation"),
    **dict.fromkeys(
        ("Batches", "EpisodeBatch", "Episodes", "Labelled", "LabelledBatch", "Source", "Views", "gather_episodes"),
        "harness.learning.data.batches",
    ),
    **dict.fromkeys(("EpisodeIndices", "draw_episodes", "require_episodes"), "harness.learning.data.episodes"),
    **dict.fromkeys(("ByClass", "Data", "Split", "require_classes"), "harness.learning.data.splits"),
    "Draw": "harness.learning.data.draw",
    **dict.fromkeys(("Images", "ImageShape", "Preprocessing"), "harness.learning.data.images"),
    **dict.fromkeys(("Modality", "Shape"), "harness.learning.data.modality"),
    **dict.fromkeys(("Samples", "Streamed", "StreamedImages"), "harness.learning.data.streaming"),
    **dict.fromkeys(("Text", "TextShape"), "harness.learning.data.text"),
    **dict.fromkeys(("VectorShape", "Vectors"), "harness.learning.data.vectors"),
    **dict.fromkeys(("Dataset", "ImageDataset", "TextDataset", "VectorDataset"), "harness.learning.datasets"),
    **dict.fromkeys(("Pictures", "Series"), "harness.learning.displays"),
    "load_encoder": "harness.learning.encoder",
    **dict.fromkeys(("fine_tune", "unwrapped"), "harness.learning.fine_tuning"),
    **dict.fromkeys(("gather", "own_part", "ranks", "same_on_all"), "harness.learning.collectives"),
    **dict.fromkeys(("UsageError", "UsageWarning", "nearest"), "harness.base.errors"),
    **dict.fromkeys(("CellFinished", "CellStarted", "RunFinished", "StepLogged"), "harness.plugins.events"),
    **dict.fromkeys(("Register", "hookimpl"), "harness.plugins.hookspecs"),
    **dict.fromkeys(("Online", "RunningMeans"), "harness.learning.online"),
    "scale_and_shift": "harness.learning.sync_norms",
    **dict.fromkeys(("NoOptions", "option"), "harness.plugins.options"),
    "per_file": "harness.base.per_file",
    "Published": "harness.plugins.published",
}

__all__ = [
    "CONTRACT",
    "Augmentation",
    "Backbone",
    "Batches",
    "Budget",
    "ByClass",
    "CellFinished",
    "CellStarted",
    "Classifier",
    "Crops",
    "Data",
    "Dataset",
    "Display",
    "Draw",
    "EpisodeBatch",
    "EpisodeIndices",
    "Episodes",
    "Evaluator",
    "Finished",
    "Group",
    "ImageDataset",
    "ImageShape",
    "Images",
    "Labelled",
    "LabelledBatch",
    "Limits",
    "Method",
    "Metric",
    "Modality",
    "NoOptions",
    "Online",
    "Pictures",
    "Preprocessing",
    "Published",
    "Register",
    "RunFinished",
    "RunOptions",
    "RunningMeans",
    "Samples",
    "Series",
    "Shape",
    "Source",
    "Split",
    "StepLogged",
    "Streamed",
    "StreamedImages",
    "Suite",
    "Text",
    "TextDataset",
    "TextShape",
    "TextView",
    "Trained",
    "UsageError",
    "UsageWarning",
    "VectorDataset",
    "VectorShape",
    "Vectors",
    "Views",
    "class_means",
    "counted",
    "draw_episodes",
    "fine_tune",
    "gather",
    "gather_episodes",
    "hookimpl",
    "leaderboard",
    "load_encoder",
    "load_suite",
    "nearest",
    "option",
    "own_part",
    "per_file",
    "ranks",
    "require_classes",
    "require_episodes",
    "run",
    "same_on_all",
    "scale_and_shift",
    "scores",
    "unwrapped",
]


MOVED = {
    "harness.executor": (
        *("GRACE_SECONDS", "Capabilities", "Ended", "Executor", "Job", "Resources"),
        *("alive", "preload", "process_start", "run_job", "safe_path"),
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in MOVED.items():
        if name in names:
            raise ImportError(f"harness has no {name} since contract 2: import it from {module}")
    if name not in _LAZY:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_LAZY[name]), name)
