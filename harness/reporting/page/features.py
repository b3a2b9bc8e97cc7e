"""Plots features of test samples in two dimensions. It loads models and data, so it is used only on request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor

from harness.base.errors import UsageError
from harness.base.slugs import shorten
from harness.base.wording import quantity
from harness.learning.building import build, load_data
from harness.learning.data.splits import Data, Split
from harness.learning.data.streaming import at
from harness.learning.starting import load_trained
from harness.plugins.registry import registry
from harness.reporting.leaderboard.tables import Row, Table
from harness.reporting.leaderboard.text import clean
from harness.reporting.page.figures import Sketchbook
from harness.reporting.page.style import LEGEND, MARKERS, MOST, SERIES, Picture, legend
from harness.suite.cell import Cell
from harness.suite.recorded import recorded_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASSES, SAMPLES = len(SERIES), 40  # at most so many classes, and samples of each


def features(table: Table, folder: Path, book: Sketchbook) -> tuple[list[Picture], list[str]]:
    """A picture of each row's first seed that has a model, and why others have none."""
    pictures, missing = [], []
    data: Data | None = None  # all rows of a table have the same
    for row in table.rows[:MOST]:
        try:
            cell, model = _cell(row, folder)
            data = data or load_data(cell.dataset, torch.device("cpu"))
            split = data.split("test")
            samples = torch.cat([indices[:SAMPLES] for indices in _classes(split)])
            found = _encode_samples(cell, model, data, samples)
            pictures.append(_picture(row.label, cell.seed, found, split.labels[samples], split.classes, book))
        except (UsageError, SafetensorError, RuntimeError, OSError) as error:
            missing.append(f"No features of {row.label}: {clean(error, 200)}")
    return pictures, missing


def projected(features: Tensor) -> tuple[Tensor, float]:
    """The first two principal components of features of length 1, and their share of the variance. (N, D) -> (N, 2)."""
    points = torch.nn.functional.normalize(features.double(), dim=1)
    points = points - points.mean(0)
    left, values, _ = torch.linalg.svd(points, full_matrices=False)
    whole = values.square().sum()
    share = float(values[:2].square().sum() / whole) if whole > 0 else 1.0
    return left[:, :2] * values[:2], share


def _cell(row: Row, folder: Path) -> tuple[Cell, Path]:
    """The first seed that has a model, as its record says it. Raises UsageError if it cannot be had."""
    found = [(each, folder / "cells" / each.id / "model.safetensors") for each in row.cells if each.training]
    record, model = next(((each, path) for each, path in found if path.is_file()), (None, None))
    if record is None or model is None:
        raise UsageError("the folder has no trained model of it.")
    return recorded_cell(record.id, record.cell, registry()), model


def _classes(split: Split) -> Iterable[Tensor]:
    """Indices of the samples of the first classes that have some."""
    return [indices for indices in split.by_class if len(indices)][:CLASSES]


@torch.no_grad()
def _encode_samples(cell: Cell, model: Path, data: Data, samples: Tensor) -> Tensor:
    method, data = build(cell, data)
    load_trained(method, model)
    found = method.encode(data.inputs(at(data.split("test").samples, samples))).float()
    if not found.isfinite().all():
        raise RuntimeError("its features are not finite")
    return found


def _picture(
    label: str, seed: int, found: Tensor, labels: Tensor, classes: tuple[str, ...], book: Sketchbook
) -> Picture:
    points, share = projected(found)

    def draw(figure: Figure, axes: Axes) -> None:
        present = labels.unique(sorted=True).tolist()
        names = shorten([clean(classes[each]) for each in present], LEGEND)
        for number, (each, name) in enumerate(zip(present, names, strict=True)):
            own = points[labels == each]
            axes.plot(
                own[:, 0].tolist(), own[:, 1].tolist(), color=SERIES[number], marker=MARKERS[number], linestyle="none",
                markersize=4, label=name,
            )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        legend(figure, axes)

    caption = (
        f"Features of {quantity(len(labels), 'test sample')} of {label}, seed {seed}, up to {SAMPLES} of each of the "
        f"first classes: scaled to length 1, first two principal components, {100 * share:.0f} % of the variance. "
        "What is together here may be apart there."
    )
    return book.draw(f"{label}: features", "first component", "second component", caption, draw, height=300)
