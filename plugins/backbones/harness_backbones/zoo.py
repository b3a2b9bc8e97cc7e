"""Every classification model of torchvision, headless, random or with the weights that torchvision publishes."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from torch import nn
from torchvision import models

from harness import ImageShape, Preprocessing, UsageError, nearest
from harness_backbones import TorchvisionConfig

COLOUR = 3  # channels of all of these networks
PATIENCE = 10.0  # seconds for the server to answer


def backbone(config: TorchvisionConfig, shape: ImageShape) -> nn.Module:
    """Float images (N, C, H, W) to the features before the classifier.

    Raises UsageError for a model or weights that there are not, weights that are neither here nor to be fetched, or
    images that the model cannot take.
    """
    known = models.list_models(module=models)
    if config.model not in known:
        raise UsageError(f"torchvision has no classification model '{config.model}'.{nearest(config.model, known)}")
    network = _with_weights(config) if config.pretrained else _random(config.model, shape)
    takes = network.preprocessing.shape if config.pretrained else shape
    layer = _behead(network)
    network.library_code = _code(network, config.model, takes, layer)
    network.feature_dim = _width(network, config.model, takes)
    return network


def _random(model: str, shape: ImageShape) -> Any:
    if shape.channels != COLOUR:
        raise UsageError(f"torchvision's '{model}' takes {COLOUR} channels, and these are {shape}.")
    return models.get_model(model, weights=None, **_options(model, shape))


def _options(model: str, shape: ImageShape) -> dict[str, Any]:
    """What torchvision must be told of a model for images of this shape."""
    if model.startswith("vit_"):
        return {"image_size": shape.height}
    return {"aux_logits": False, "init_weights": True} if model in ("googlenet", "inception_v3") else {}


def _with_weights(config: TorchvisionConfig) -> Any:
    weights = _named(config.model, config.pretrained or "")
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(weights.url).path).name)
    if not file.exists() and (reason := _unreachable(weights.url)):
        raise UsageError(
            f"there is no file {file.name} in {file.parent}, and it cannot be fetched ({reason}): get it from "
            f"{weights.url} on another machine, and put it there."
        )
    try:
        # read first with weights_only: torchvision itself would run what a pickle names
        weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        network = models.get_model(config.model, weights=weights, progress=False)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        raise UsageError(
            f"{file} cannot be used: {reason}. If it is damaged, delete it: it is fetched again."
        ) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be fetched from {weights.url}, or not be read: {error}") from error
    preset = weights.transforms()
    side, resize = preset.crop_size[0], preset.resize_size[0]
    network.preprocessing = Preprocessing(
        ImageShape(COLOUR, side, side), tuple(preset.mean), tuple(preset.std), preset.interpolation.value, resize
    )
    network.started_from = _record(config, file)
    return network


@cache
def _unreachable(url: str) -> str:
    """Why a file cannot be fetched; "" if it can. Asked once in a process and not for long: torch would wait for
    minutes, and again for each method on each data set."""
    try:
        with urlopen(Request(url, method="HEAD"), timeout=PATIENCE):
            return ""
    except OSError as error:
        return str(getattr(error, "reason", None) or error.strerror or error)


def _named(model: str, name: str) -> Any:
    """Raises UsageError for weights that torchvision does not have."""
    every = models.get_model_weights(model).__members__
    if name == "DEFAULT":
        meant = every[name].name
        raise UsageError(
            f"the default weights are others in other versions of torchvision: write 'pretrained: {meant}'."
        )
    if name not in every:
        known = [each for each in every if each != "DEFAULT"]
        raise UsageError(f"torchvision has no weights '{name}' of '{model}'.{nearest(name, known)}")
    return every[name]


def _record(config: TorchvisionConfig, file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    promised = re.search(r"-([0-9a-f]{8,})\.", file.name)  # as torch checks it, but only when it fetches the file
    notes = []
    if promised and not digest.startswith(promised[1]):
        notes.append(
            f"{file.name} is not the file that torchvision publishes: its SHA-256 begins with {digest[:8]}, not with "
            f"{promised[1]}"
        )
    name = f"torchvision's {config.model} {config.pretrained}"
    return {"name": name, "file": file.name, "digest": digest, "notes": notes}


def _code(network: nn.Module, model: str, shape: ImageShape, layer: str) -> str:
    """What makes the same network by torchvision alone, with random weights. `layer`: the one that became none."""
    published = {"transform_input": True} if getattr(network, "transform_input", False) else {}
    given = "".join(f", {name}={value!r}" for name, value in {**_options(model, shape), **published}.items())
    return "\n".join(
        [
            "import torch",
            "import torchvision",
            "",
            f'network = torchvision.models.get_model("{model}", weights=None{given})',
            f'network.set_submodule("{layer}", torch.nn.Identity())',
        ]
    )


def _behead(network: nn.Module) -> str:
    """Its last layer, which tells classes, becomes none; that layer's name."""
    if hasattr(network, "num_classes") and isinstance(
        classifier := getattr(network, "classifier", None), nn.Sequential
    ):
        layers = [name for name, each in classifier.named_children() if isinstance(each, nn.Conv2d)]
        if layers:  # SqueezeNet classifies by a convolution
            classifier[int(layers[-1])] = nn.Identity()
            return f"classifier.{layers[-1]}"
    name = [name for name, each in network.named_modules() if isinstance(each, nn.Linear)][-1]
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    return name


@torch.no_grad()
def _width(network: nn.Module, model: str, shape: ImageShape) -> int:
    """Of the features of one black image, in eval mode so that no batch norm learns from it."""
    training = network.training
    try:
        features = network.eval()(torch.zeros(1, *shape))
    except Exception as error:  # eighty models refuse in as many ways
        raise UsageError(f"torchvision's '{model}' cannot take {shape}: {error}") from error
    network.train(training)
    return int(features.shape[1])
