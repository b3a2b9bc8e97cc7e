"""Writes a trained encoder as files, and compares each file with the cell's features on test samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor, nn

from harness.base.atomic_files import seal, write_bytes
from harness.base.errors import UsageError
from harness.learning.building import Built, build, load_data
from harness.learning.data.images import Images
from harness.learning.data.modality import Modality, Shape
from harness.learning.data.streaming import at
from harness.learning.data.text import Text
from harness.learning.data.vectors import Vectors
from harness.learning.encoder import WEIGHTS, encoder, load_backbone, sizes
from harness.learning.programs import ONNX, PROGRAM, TOLERANCE, difference, to_onnx, to_program
from harness.learning.starting import load_trained
from harness.suite.cell import Cell

SAMPLES = 64  # that are compared
READABLE = (Images, Vectors, Text)  # what `load_encoder` knows the shapes of
WRITERS = {PROGRAM: to_program, ONNX: to_onnx}


@dataclass(frozen=True)
class Exported:
    """described: what encoder.json is to say. failed: the files that could not be made, and why. loads: whether
    `load_encoder` takes it. library_code: what makes the network without harness, "" if nobody says."""

    described: dict[str, Any]
    failed: dict[str, str]
    loads: bool
    library_code: str


def export(cell: Cell, model: Path, folder: Path, files: Collection[str]) -> Exported:
    """Write the encoder of a trained cell into `folder`, as those of WEIGHTS, PROGRAM and ONNX that `files` names.

    Raises UsageError if the model is not the cell's, or if its backbone alone does not give the cell's features.
    """
    data = load_data(cell.dataset, torch.device("cpu"))
    built_for = data.modality.shape
    method, data = _load_trained(cell, model, build(_without_file(cell), data))
    split = data.splits.get("test", data.train)
    samples = at(split.samples, torch.arange(min(SAMPLES, len(split))))
    given, own = data.modality.exported(samples), _features(method.encode, data.inputs(samples))
    weights = folder / WEIGHTS
    write_bytes(weights, save(_state(method.backbone)))  # `save_file` would let nobody else read it
    backbone = load_backbone(cell.backbone.spec, cell.backbone.config, built_for, weights).eval()
    described = _input(data.modality, given)
    network = encoder(backbone, described).eval()
    if (far := difference(_features(network, given), own)) > TOLERANCE:
        raise UsageError(
            f"{cell.name()}: its backbone alone does not give its features (the difference is {far:.2g}, above "
            f"{TOLERANCE:g}), as the `encode` of its method does more. Only a backbone can be exported."
        )
    described["any_size"] = _takes_any_size(backbone, described, given[:2])
    network = encoder(backbone, described).eval()
    failed = {name: why for name in files if name != WEIGHTS and (why := WRITERS[name](network, given, own, folder))}
    said = {
        "backbone": _backbone(cell, built_for),
        "input": described,
        "feature_dim": own.shape[1],
        "weights": seal(weights),
    }
    loads = isinstance(data.modality, READABLE) and WEIGHTS in files
    if WEIGHTS not in files:
        weights.unlink()
    return Exported(said, failed, loads, str(getattr(backbone, "library_code", "")))


def _without_file(cell: Cell) -> Cell:
    """The cell without the file that its backbone started from, which may be gone; the trained weights replace it."""
    return replace(cell, backbone=replace(cell.backbone, weights=None))


def _load_trained(cell: Cell, model: Path, built: Built) -> Built:
    try:
        load_trained(built.method, model)
    except (SafetensorError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"{model} is not the model of {cell.name()}: {said}") from error
    return built


@torch.no_grad()
def _features(encode: Any, inputs: Tensor) -> Tensor:
    features = encode(inputs).float()
    if not features.isfinite().all():
        raise UsageError("the encoder's features are not finite.")
    return features


def _state(backbone: nn.Module) -> dict[str, Tensor]:
    """The state of the backbone, by the names of its library. Tensors are copied: safetensors may not share memory."""
    state = backbone.state_dict()
    if strange := [name for name, each in state.items() if not isinstance(each, Tensor)]:
        raise UsageError(f"the backbone's '{strange[0]}' is not a tensor, so it cannot be written as safetensors.")
    return {name: each.detach().clone(memory_format=torch.contiguous_format) for name, each in state.items()}


def _input(modality: Modality, given: Tensor) -> dict[str, Any]:
    mean, std = modality.normalization or (None, None)
    return {
        "modality": modality.name,
        "takes": modality.exported_as,
        "shape": list(given.shape[1:]),
        "dtype": str(given.dtype).removeprefix("torch."),
        "any_size": False,
        "mean": None if mean is None else mean.flatten().tolist(),
        "std": None if std is None else std.flatten().tolist(),
    }


def _backbone(cell: Cell, built_for: Shape) -> dict[str, Any]:
    said = cell.backbone.as_json()
    own = {key: said[key] for key in ("name", "distribution", "version", "options")}
    return {**own, "shape": list(built_for) if isinstance(built_for, tuple) else str(built_for)}


def _takes_any_size(backbone: nn.Module, described: Mapping[str, Any], few: Tensor) -> bool:
    """Whether samples twice as large, and slightly larger ones, give as many features. Rows of a table have one."""
    free, network = len(sizes(few.shape[1:])), encoder(backbone, {**described, "any_size": True}).eval()
    if few.ndim == 2 and few.is_floating_point():  # rows of a table
        return False
    width = _features(network, few).shape
    try:
        for larger in ([2 * side for side in few.shape[-free:]], [side + 1 for side in few.shape[-free:]]):
            if _features(network, few.new_zeros(*few.shape[:-free], *larger)).shape != width:
                return False
    except Exception:  # noqa: BLE001 (a thousand networks refuse in as many ways)
        return False
    return True
