"""An exported encoder, as `harness export` writes it: its folder, read again as a network."""

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
    """A trained backbone that normalises what it is given: of pictures float pixels in [0, 1] (N, C, H, W), of tables
    their rows (N, D), of texts the tokens of its `backbone.tokenize`. It gives features (N, feature_dim).

    Samples of another shape are refused, unless the network takes any size: nothing is resized.
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
        """`shape`: of a sample. `integers`: whether samples are whole numbers, such as tokens."""
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
        """Raises UsageError for samples of another shape or kind."""
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
                f"the encoder takes {_sides(self.shape, self.any_size)}, not {_sides(given)}: resize or select before."
            )


def sizes(shape: Sequence[int]) -> tuple[int, ...]:
    """What of a sample's shape may vary where a network takes any size: not the channels of a picture."""
    return tuple(shape[1:] if len(shape) > 1 else shape)


def _sides(shape: Sequence[int], any_size: bool = False) -> str:
    last = len(sizes(shape)) if any_size else 0
    sides = [*map(str, shape[: len(shape) - last]), *["any"] * last]
    return f"samples of {' × '.join(sides) or 'a single number'}"


def shape_of(modality: str, sides: Sequence[int] | None) -> Shape:
    """What a backbone is built for. Raises UsageError for a kind of sample that a plugin brings: its shapes are its
    own."""
    known: Mapping[str, Any] = {Images.name: ImageShape, Vectors.name: VectorShape, Text.name: lambda *_: TEXTS}
    if modality not in known:
        raise UsageError(f"only encoders of {', '.join(known)} can be loaded, and this one takes {modality}.")
    return known[modality](*(sides or ()))


def rebuilt(spec: Spec, config: Any, shape: Shape, weights: Path) -> nn.Module:
    """A new backbone with the weights of a file, all of them. Raises UsageError if they are another network's."""
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
    """The encoder that `harness export` wrote into this folder, on the CPU and in eval mode, as a torch module.

    It takes pixels in [0, 1] (N, C, H, W), rows of a table (N, D), or the tokens that its `backbone.tokenize` makes of
    texts, and has `feature_dim` and the `shape` of a sample. Raises UsageError if the folder holds none, if it is
    damaged, or if the plugin of its backbone is not installed.
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
    backbone = rebuilt(spec, config, shape_of(given["modality"], saved["shape"]), folder / WEIGHTS)
    return encoder(backbone, given).eval()


def encoder(backbone: nn.Module, given: Mapping[str, Any]) -> Encoder:
    """`given`: what encoder.json says of its input."""
    moments = None if given["mean"] is None else (torch.tensor(given["mean"]), torch.tensor(given["std"]))
    if moments and len(given["shape"]) > 1:  # of each channel
        moments = tuple(each.reshape(-1, *[1] * len(sizes(given["shape"]))) for each in moments)  # type: ignore[assignment]
    return Encoder(
        backbone, given["shape"], moments, integers="float" not in given["dtype"], any_size=bool(given["any_size"])
    )


def _read(folder: Path) -> dict[str, Any]:
    """What encoder.json says. Raises UsageError."""
    file = folder / DESCRIPTION
    try:
        described = read_json(file, DESCRIBED)
    except DamagedError as damage:
        raise UsageError(f"{file} is damaged ({damage.reason}): export it again.") from damage
    if described is None:
        raise UsageError(f"{folder}: holds no encoder; harness export writes {DESCRIPTION} and {WEIGHTS}.")
    if not (folder / WEIGHTS).is_file():
        raise UsageError(f"{folder}: there is no {WEIGHTS} beside {DESCRIPTION}: export it again with that format.")
    if reason := broken(folder / WEIGHTS, described["weights"], read=True):
        raise UsageError(f"{folder / WEIGHTS} is damaged ({reason}): export it again.")
    return described
