"""Loads an encoder from the folder that `harness export` wrote."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.base.atomic_files import DamagedError, broken, read_json
from harness.base.errors import UsageError, UsageWarning
from harness.learning.data.images import Images, ImageShape
from harness.learning.data.modality import Shape
from harness.learning.data.text import SHAPE as TEXTS
from harness.learning.data.text import Text
from harness.learning.data.vectors import Vectors, VectorShape
from harness.plugins.options import parse
from harness.plugins.registry import Spec, registry

WEIGHTS, DESCRIPTION = "encoder.safetensors", "encoder.json"
BACKBONE = {"name": str, "distribution": str, "version": str, "options": dict, "shape": (list, type(None))}
MOMENTS = dict.fromkeys(("mean", "std"), (list, type(None)))
INPUT = {"modality": str, "shape": list, "dtype": str, "any_size": bool, **MOMENTS}
DESCRIBED = {"backbone": BACKBONE, "input": INPUT, "feature_dim": int, "weights": dict}


class Encoder(nn.Module):
    """An exported encoder: a trained backbone that normalises its inputs.

    It takes pictures as pixels in [0, 1], float (N, C, H, W); rows of a table, float (N, D); or tokens of texts, int64
    (N, L), as its `backbone.tokenize` makes them. It returns features (N, feature_dim). Nothing is resized: samples of
    another shape are refused unless the network takes any size.

    Args:
        backbone: The trained backbone.
        shape: Shape of a sample.
        normalization: Mean and standard deviation that inputs are normalised by; None for no normalisation.
        integers: Whether samples are integers, such as tokens.
        any_size: Whether the network takes pictures of any height and width.
    """

    def __init__(
        self,
        backbone: nn.Module,
        shape: Sequence[int],
        normalization: tuple[Tensor, Tensor] | None = None,
        *,
        integers: bool = False,
        any_size: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.feature_dim = int(getattr(backbone, "feature_dim", 0))
        self.shape, self.integers, self.any_size = tuple(shape), integers, any_size
        mean, std = normalization or (None, None)
        self.mean: Tensor | None
        self.std: Tensor | None
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, samples: Tensor) -> Tensor:
        """Encode samples.

        Args:
            samples: Samples (N, *shape).

        Returns:
            Features (N, feature_dim).

        Raises:
            UsageError: The samples have another shape or type.
        """
        self._check(samples)
        if self.mean is None or self.std is None:
            return self.backbone(samples)
        return self.backbone((samples - self.mean) / self.std)

    def _check(self, samples: Tensor) -> None:
        if samples.is_floating_point() == self.integers:
            wanted = "whole numbers" if self.integers else "float (pixels in [0, 1]; of uint8, pixels / 255)"
            raise UsageError(f"the encoder takes {wanted}, not {samples.dtype}.")
        given = tuple(samples.shape[1:])
        fixed = len(self.shape) if not self.any_size else len(self.shape) - len(sizes(self.shape))
        if len(given) != len(self.shape) or given[:fixed] != self.shape[:fixed]:
            raise UsageError(
                f"the encoder takes {_sides(self.shape, self.any_size)}, not {_sides(given)}: "
                "resize or crop the samples first."
            )


def sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """The dimensions of a sample that may vary if the network takes any size: all but the channels of a picture."""
    return tuple(shape[1:] if len(shape) > 1 else shape)


def _sides(shape: Sequence[int], any_size: bool = False) -> str:
    last = len(sizes(shape)) if any_size else 0
    sides = [*map(str, shape[: len(shape) - last]), *["any"] * last]
    return f"samples of {' × '.join(sides) or 'a single number'}"


def shape_of(modality: str, sides: Sequence[int] | None) -> Shape:
    """The shape that a backbone is built for. Raises UsageError for a modality of a plugin, whose shapes are not known
    here.
    """
    known: Mapping[str, Any] = {Images.name: ImageShape, Vectors.name: VectorShape, Text.name: lambda *_: TEXTS}
    if modality not in known:
        raise UsageError(f"only encoders of {', '.join(known)} can be loaded, and this one takes {modality}.")
    return known[modality](*(sides or ()))


def load_backbone(spec: Spec, config: Any, shape: Shape, weights: Path) -> nn.Module:
    """A new backbone with all weights of a file. Raises UsageError if the file has the weights of another network."""
    with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and nobody's draws should move by it
        backbone: nn.Module = spec.load()(config, shape)
    try:
        backbone.load_state_dict(load_file(weights))
    except SafetensorError as error:
        raise UsageError(f"{weights} is damaged or cut short: {error}.") from error
    except RuntimeError as error:
        raise UsageError(f"{weights} is not of this network: {' '.join(str(error).split())[:200]}") from error
    return backbone


def load_encoder(path: Path | str) -> Encoder:
    """Load the encoder that `harness export` wrote into a folder.

    Args:
        path: The folder, or `encoder.json` or `encoder.safetensors` in it.

    Returns:
        A torch module on the CPU and in eval mode, from samples to features (N, feature_dim). It takes pixels in [0,
        1], float (N, C, H, W); rows of a table, float (N, D); or tokens that its `backbone.tokenize` makes of texts.

    Raises:
        UsageError: The folder holds no encoder, it is damaged, or the plugin of its backbone is not installed.
    """
    folder = Path(path)
    folder = folder.parent if folder.name in (WEIGHTS, DESCRIPTION) else folder
    described = _read(folder)
    given, saved = described["input"], described["backbone"]
    spec = registry().get("backbone", f"{saved['distribution']}:{saved['name']}")
    if spec.origin.version != saved["version"]:
        told = f"was exported with {saved['distribution']} {saved['version']}, and {spec.origin.version} is installed"
        warnings.warn(f"{folder} {told}.", UsageWarning, stacklevel=2)
    config: Any = parse(spec.config, saved["options"], lambda _: str(folder / DESCRIPTION), owner=saved["name"])
    backbone = load_backbone(spec, config, shape_of(given["modality"], saved["shape"]), folder / WEIGHTS)
    return encoder(backbone, given).eval()


def encoder(backbone: nn.Module, given: Mapping[str, Any]) -> Encoder:
    """Make an encoder; `given` is the section "input" of encoder.json."""
    moments = None if given["mean"] is None else (torch.tensor(given["mean"]), torch.tensor(given["std"]))
    if moments and len(given["shape"]) > 1:  # of each channel
        moments = tuple(each.reshape(-1, *[1] * len(sizes(given["shape"]))) for each in moments)  # type: ignore[assignment]
    return Encoder(
        backbone, given["shape"], moments, integers="float" not in given["dtype"], any_size=bool(given["any_size"])
    )


def _read(folder: Path) -> dict[str, Any]:
    """The content of encoder.json. Raises UsageError if it is missing or damaged."""
    file = folder / DESCRIPTION
    try:
        described = read_json(file, DESCRIBED)
    except DamagedError as damage:
        raise UsageError(f"{file} is damaged ({damage.reason}): export it again.") from damage
    if described is None:
        raise UsageError(f"{folder}: there is no encoder here; 'harness export' writes {DESCRIPTION} and {WEIGHTS}.")
    if not (folder / WEIGHTS).is_file():
        raise UsageError(f"{folder}: there is no {WEIGHTS} beside {DESCRIPTION}: export it again with that format.")
    if reason := broken(folder / WEIGHTS, described["weights"], read=True):
        raise UsageError(f"{folder / WEIGHTS} is damaged ({reason}): export it again.")
    return described
