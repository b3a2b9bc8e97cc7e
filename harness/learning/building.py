"""Components made from their specs: the one place where what plugins registered is imported and called."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.base.cache import cache_folder
from harness.base.errors import ENVIRONMENT, UsageError, UsageWarning
from harness.learning.components import Dataset, Evaluator, Method
from harness.learning.data.batches import Source, derive_seed
from harness.learning.data.splits import Data
from harness.learning.starting import Shapes, require, shapes, shapes_of_backbone, take_over
from harness.learning.sync_norms import synchronise_norms
from harness.suite.cell import Cell, Component


def load_data(component: Component, device: torch.device) -> Data:
    """Load a data set onto `device`. Raises UsageError for the user's mistakes."""
    dataset: Dataset = component.spec.load()(component.config, cache_folder(component.spec.unique))
    try:
        splits = dataset.load()
    except OSError as error:
        if error.errno in ENVIRONMENT and error.filename is not None:
            raise UsageError(f"{error.filename}: {error.strerror}") from error
        raise
    return Data.of(splits, dataset.augmentation, device, tuple(dataset.notes))


def build_method(cell: Cell, data: Data, start: Path | None = None) -> Method:
    """The untrained method of a cell, on the data's device. Methods that share backbone and seed start from the same
    backbone weights, or from those of the trained model `start`."""
    torch.manual_seed(derive_seed(cell.seed, "backbone"))
    backbone = cell.backbone.spec.load()(cell.backbone.config, data.train.sample_shape)
    if start is not None:
        take_over(backbone, start)
    fast = getattr(backbone, "channels_last", True)
    if not fast:
        backbone.register_forward_pre_hook(_contiguous)  # whatever the method gives it
    torch.manual_seed(derive_seed(cell.seed, "method"))
    method: Method = cell.method.spec.load()(backbone, cell.method.config, data)
    layout = torch.channels_last if fast else torch.preserve_format
    return method.to(data.mean.device, memory_format=layout)  # type: ignore[call-overload]  # torch's stub lacks it


def _contiguous(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """`contiguous()` would leave grey images as they are, whose strides choose the layout of what follows."""
    images, *others = given
    return images.flatten(1).unflatten(1, images.shape[1:]), *others


def build_evaluator(component: Component) -> Evaluator:
    evaluator: Evaluator = component.spec.load()(component.config)
    return evaluator


def source_of(cell: Cell, data: Data, rank: int = 0) -> Source:
    return Source(data, cell.budget.batch_size, cell.seed, rank, cell.budget.devices)


def check_cell(cell: Cell, evaluators: list[Component], data: Data) -> list[str]:
    """What evaluators warn of, with the place in the suite. Raises UsageError, with the place, if this cell cannot
    train or an evaluator cannot score it."""
    method = _placed(cell.backbone.where or cell.method.where, cell, lambda: build_method(cell, data))
    if cell.budget.compile and not method.compiles:
        where = cell.method.where
        raise UsageError(f"{where}: {cell.method.label} cannot be compiled: leave 'compile' out of its budget.")
    if (devices := cell.budget.devices) > 1 and method.batches is not None:
        _placed(cell.method.where, cell, lambda: method.check_devices(devices, cell.budget.batch_size))
        _placed(cell.backbone.where or cell.method.where, cell, lambda: synchronise_norms(method))
    if method.batches is not None:
        batches = method.batches
        _placed(cell.method.where, cell, lambda: batches.check(source_of(cell, data)))
    told: list[str] = []
    for evaluator in evaluators:
        with usage_warnings(f"{evaluator.where}: {evaluator.label} on {cell.dataset.label}", told):
            _placed(evaluator.where, cell, lambda evaluator=evaluator: build_evaluator(evaluator).check(method, data))
    return told


def shapes_for_starts(cell: Cell, data: Data) -> tuple[Shapes, Shapes]:
    """Of the backbone's weights: those that a cell takes over from its start, and those that it gives to others."""
    backbone = cell.backbone.spec.load()(cell.backbone.config, data.train.sample_shape)
    return shapes(backbone), shapes_of_backbone(build_method(cell, data))


def check_start(cell: Cell, start: Cell, taken: Shapes, given: Shapes) -> None:
    """Raises UsageError, with the place, if a cell cannot take over the weights of its start."""
    try:
        require(given, taken)
    except UsageError as error:
        raise UsageError(
            f"{cell.method.where}: {cell.method.label} on {cell.dataset.label} with {cell.backbone.label} cannot start "
            f"from {start.method.label} on {start.dataset.label}: {error}"
        ) from error


@contextmanager
def usage_warnings(where: str, told: list[str]) -> Iterator[None]:
    """Adds what is warned of with UsageWarning inside; other warnings go their way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UsageWarning)
        yield
    for each in caught:
        if issubclass(each.category, UsageWarning):
            told.append(f"{where}: {each.message}")
        else:
            warnings.showwarning(each.message, each.category, each.filename, each.lineno)


def _placed(where: str, cell: Cell, call):  # type: ignore[no-untyped-def]  # passes through whatever the call returns
    try:
        return call()
    except UsageError as error:
        raise UsageError(
            f"{where}: {cell.method.label} on {cell.dataset.label} with {cell.backbone.label}: {error}"
        ) from error
