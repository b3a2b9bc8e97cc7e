"""Builds the components of a cell from their specs; the only module that imports what plugins registered."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from harness.base.cache import cache_folder
from harness.base.errors import ENVIRONMENT, UsageError, UsageWarning
from harness.learning.components import Evaluator, Method
from harness.learning.data.batches import Source, derive_seed
from harness.learning.data.splits import Data, require_train
from harness.learning.data.streaming import Streamed
from harness.learning.datasets import Dataset
from harness.learning.optimizers import make_optimizer
from harness.learning.seeding import seed_torch
from harness.learning.starting import Shapes, require, shapes, shapes_of_backbone, take_over
from harness.learning.sync_norms import synchronise_norms
from harness.learning.training import steps_of
from harness.learning.weights import start_from
from harness.suite.cell import Cell, Component
from harness.suite.curve import Curve


def load_data(component: Component, device: torch.device) -> Data:
    """Load a data set onto `device`. Raises UsageError for the user's mistakes."""
    dataset = make_dataset(component)
    try:
        splits = dataset.load()
    except OSError as error:
        if error.errno in ENVIRONMENT and error.filename is not None:
            raise UsageError(f"{error.filename}: {error.strerror}") from error
        raise
    require_train(splits)
    modality = dataset.modality(splits)
    if modality.name != component.spec.modality:
        said = f"is registered to give {component.spec.modality}, and gives {modality.name}"
        raise UsageError(f"the data set of {component.spec.origin} {said}.")
    return Data.of(splits, modality, device, tuple(dataset.notes))


def make_dataset(component: Component) -> Dataset:
    """A data set before it loads; those that it is made of are loaded. Raises UsageError, with their names."""
    dataset: Dataset = component.spec.load()(component.config, cache_folder(component.spec.unique))
    dataset.parts = {name: _load_part(name, part) for name, part in component.parts.items()}
    return dataset


def _load_part(name: str, component: Component) -> Data:
    try:
        return load_data(component, torch.device("cpu"))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


class Built(NamedTuple):
    """The untrained method of a cell, and the data as its backbone takes them."""

    method: Method
    data: Data


def build(cell: Cell, data: Data, start: Path | None = None) -> Built:
    """The untrained method of a cell, on the data's device. Methods that share backbone and seed start from the same
    backbone weights, or from those of the trained model `start`."""
    seed_torch(derive_seed(cell.seed, "backbone"))
    backbone = _backbone(cell, data)
    started = _started(backbone, cell.backbone)
    if start is not None:
        take_over(backbone, start)
    layout = data.modality.adopt(backbone)
    data = prepared_for(backbone, cell.backbone, data)
    seed_torch(derive_seed(cell.seed, "method"))
    method: Method = cell.method.spec.load()(backbone, cell.method.config, data)
    method.started_from = started
    return Built(method.to(data.device, memory_format=layout), data)  # type: ignore[call-overload]  # torch's stub lacks it


class PlacedError(UsageError):
    """A mistake whose message already names its place in the suite."""


def _backbone(cell: Cell, data: Data) -> Any:
    """Raises PlacedError, which names no method: what is wrong is said once, whatever trains the backbone."""
    component = cell.backbone
    try:
        return component.spec.load()(component.config, data.modality.shape)
    except UsageError as error:
        where = component.where or cell.method.where
        raise PlacedError(f"{where}: {component.label} on {cell.dataset.label}: {error}") from error


def _started(backbone: nn.Module, component: Component) -> dict[str, Any] | None:
    """What a backbone began with: weights of its own, or the file that its entry in the suite names. The random state
    stays as it is. Raises PlacedError if the file cannot serve."""
    own: dict[str, Any] | None = getattr(backbone, "started_from", None)
    if own and (prepared := getattr(backbone, "preprocessing", None)):
        own = {**own, "preprocessing": asdict(prepared)}
    if component.weights is None:
        return own
    try:
        if own:
            raise UsageError(f"it starts from {own['name']} already: leave out 'weights', or the option that says so.")
        return start_from(backbone, component.weights)
    except UsageError as error:
        raise PlacedError(f"{component.weights.where or component.where}: {component.label}: {error}") from error


def prepared_for(backbone: nn.Module, component: Component, data: Data) -> Data:
    """The data as a new backbone takes them that is made for them."""
    _fit_tokenizer(backbone, component, data)
    return as_taken(backbone, replace(data, modality=data.modality.prepared_for(backbone)))


def _fit_tokenizer(backbone: nn.Module, component: Component, data: Data) -> None:
    """Of a backbone whose tokenizer is made of the training texts, unless it came with the weights."""
    fit, texts = getattr(backbone, "fit_tokenizer", None), data.train.samples
    if fit is not None and not isinstance(texts, Tensor | Streamed):
        fit(texts, cache_folder(component.spec.unique))


def start_of(cell: Cell, method: Method) -> str:
    """What the backbone of a cell starts from, in words; "" for random weights."""
    if cell.start is not None:
        return f"the cell '{cell.start.name()}'"
    started = method.started_from or {}
    return str(started.get("name") or started.get("file") or "")


def as_taken(backbone: nn.Module, data: Data) -> Data:
    """The data as a backbone takes them: texts are replaced by its tokens."""
    tokenize = getattr(backbone, "tokenize", None)
    return data if tokenize is None else data.tokenized(tokenize)


def build_evaluator(component: Component) -> Evaluator:
    evaluator: Evaluator = component.spec.load()(component.config)
    return evaluator


def source_of(cell: Cell, data: Data, rank: int = 0) -> Source:
    return Source(data, cell.budget.batch_size, cell.seed, rank, cell.budget.devices)


def given_to(method: Method, own: Data, data: Data) -> Data:
    """Prepare another data set for an encoder that was made for `own`: convert its samples and tokenize its texts.

    Raises UsageError if this is not possible.
    """
    return as_taken(method.backbone, replace(data, modality=own.modality.fitted(data.modality)))


def check_cell(
    cell: Cell,
    evaluators: list[Component],
    data: Data,
    others: Mapping[str, Data],
    curves: Mapping[str, Curve] = MappingProxyType({}),
) -> list[str]:
    """What evaluators warn of and the method notes, with the place in the suite. `others`: the data sets of evaluators,
    by their digests; an evaluator whose data are not there is not asked. `curves`: of evaluators that have one, by
    label. Raises UsageError, with the place, if this cell cannot train or an evaluator cannot score it."""
    method, data = _with_place(cell.backbone.where or cell.method.where, cell, lambda: build(cell, data))
    _with_place(cell.backbone.where or cell.method.where, cell, lambda: method.check_start(start_of(cell, method)))
    if cell.budget.compile and not method.compiles:
        where = cell.method.where
        raise UsageError(f"{where}: {cell.method.label} cannot be compiled: leave 'compile' out of its budget.")
    if (devices := cell.budget.devices) > 1 and method.batches is not None:
        _with_place(cell.method.where, cell, lambda: method.check_devices(devices, cell.budget.batch_size))
        _with_place(cell.backbone.where or cell.method.where, cell, lambda: synchronise_norms(method))
    if method.batches is not None:
        batches = method.batches
        _with_place(cell.method.where, cell, lambda: batches.check(source_of(cell, data)))
        where = cell.optimizer.where if cell.optimizer else cell.method.where
        _with_place(where, cell, lambda: make_optimizer(method, cell.budget, cell.optimizer))
    notes = (method.started_from or {}).get("notes", ())
    told = [f"{cell.backbone.where}: {cell.backbone.label}: {note}." for note in notes]
    told += (f"{cell.method.where}: {cell.method.label} on {cell.dataset.label}: {note}." for note in method.notes)
    for evaluator in evaluators:
        if method.batches is not None and (curve := curves.get(evaluator.label)):
            steps = steps_of(cell.budget, method.batches, source_of(cell, data))
            _with_place(evaluator.where, cell, lambda curve=curve, steps=steps: curve.check(steps))
        if evaluator.data and evaluator.data.digest not in others:
            continue
        on = evaluator.data or cell.dataset

        def check(evaluator: Component = evaluator, own: Data = data) -> None:
            scored = given_to(method, own, others[evaluator.data.digest]) if evaluator.data else own
            made = build_evaluator(evaluator)
            if made.has_judge != (evaluator.judge is not None):
                raise UsageError(
                    "it needs a judge: add 'judge: LABEL', a method of this suite."
                    if made.has_judge
                    else f"'{evaluator.spec.name}' has no judge: leave 'judge' out."
                )
            made.check(method, scored)

        with usage_warnings(f"{evaluator.where}: {evaluator.label} on {on.label}", told):
            _with_place(evaluator.where, cell, check)
    return told


def shapes_for_starts(cell: Cell, data: Data) -> tuple[Shapes, Shapes]:
    """Of the backbone's weights: those that a cell takes over from its start, and those that it gives to others."""
    backbone = _backbone(cell, data)
    return shapes(backbone), shapes_of_backbone(build(cell, data).method)


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
    """Collect the UsageWarnings that are raised inside; other warnings are not affected."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UsageWarning)
        yield
    for each in caught:
        if issubclass(each.category, UsageWarning):
            told.append(f"{where}: {each.message}")
        else:
            warnings.showwarning(each.message, each.category, each.filename, each.lineno)


def _with_place(where: str, cell: Cell, call):  # type: ignore[no-untyped-def]  # passes through whatever the call returns
    try:
        return call()
    except PlacedError:
        raise
    except UsageError as error:
        raise UsageError(
            f"{where}: {cell.method.label} on {cell.dataset.label} with {cell.backbone.label}: {error}"
        ) from error
