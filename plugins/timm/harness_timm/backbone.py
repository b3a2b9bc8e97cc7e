"""timm models as backbones."""

from __future__ import annotations

from types import MethodType
from typing import Any

import timm
import torch
from torch import Tensor, nn

from harness import ImageShape, UsageError, nearest
from harness_timm import Config
from harness_timm.published import check_tag, with_weights


def backbone(config: Config, shape: ImageShape) -> nn.Module:
    """Float images (N, C, H, W) to pooled features (N, feature_dim).

    Raises UsageError for a model or weights that timm does not have, weights that are neither here nor to be fetched,
    or images that the model cannot take.
    """
    # checked first, because create_model would download the settings of a name such as "hf-hub:..."
    if not timm.is_model(config.model):
        raise UsageError(f"timm has no model '{config.model}'.{_nearest(config.model)}")
    check_tag(config.model)
    network = with_weights(config.model, shape) if config.pretrained else None
    shape = network.preprocessing.shape if network else shape
    try:
        network = network or _create(config, shape)
        features = _probe(network, shape)
    except Exception as error:  # a thousand models refuse in as many ways
        raise UsageError(f"timm's '{config.model}' cannot take {shape}: {error}") from error
    if features.ndim != 2:
        raise UsageError(f"timm's '{config.model}' gives {tuple(features.shape[1:])}, not a feature vector.")
    network.feature_dim = features.shape[1]  # timm's num_features leaves out heads that widen (MobileNetV3, VGG)
    network.channels_last = config.channels_last
    _give_maps(network)
    return network


def _give_maps(network: Any) -> None:
    """`maps` and `strides` of a network that tells its stages, as timm's `features_only` has them. Of several stages
    of one stride, such as the blocks of a ViT, the last is taken."""
    if not hasattr(network, "forward_intermediates") or not getattr(network, "feature_info", None):
        return
    last = {each["reduction"]: number for number, each in enumerate(network.feature_info)}
    network.strides, stages = tuple(sorted(last)), sorted(last.values())

    def maps(self: Any, images: Tensor) -> list[Tensor]:
        return list(self.forward_intermediates(images, indices=stages, intermediates_only=True))

    network.maps = MethodType(maps, network)  # a copy of the network gets one of its own


def _create(config: Config, shape: ImageShape) -> Any:
    options: dict[str, Any] = {"num_classes": 0, "in_chans": shape[0]}
    if config.patch_size:
        options["patch_size"] = config.patch_size
    if config.any_size:
        options["dynamic_img_size"] = True
    try:
        return _made(config.model, {**options, "img_size": tuple(shape[1:])})
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return _made(config.model, options)  # convolutional models take any size


def _made(model: str, options: dict[str, Any]) -> Any:
    network: Any = timm.create_model(model, pretrained=False, **options)
    given = "".join(f", {name}={value}" for name, value in options.items())
    network.library_code = f'import timm\n\nnetwork = timm.create_model("{model}"{given})'
    return network


@torch.no_grad()
def _probe(network: Any, shape: ImageShape) -> torch.Tensor:
    """Features of one black image, in eval mode so that no batch norm learns from it."""
    training = network.training
    features = network.eval()(torch.zeros(1, *shape))
    network.train(training)
    return features


def _nearest(name: str) -> str:
    hint = nearest(name, timm.list_models())
    return hint if "Did you mean" in hint else " See `timm.list_models()`."  # not all of its thousand names
