"""Shapes, sizes and arithmetic of the bundled backbones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_backbones import Conv4Config, MLPConfig, ResNetConfig
from harness_backbones.conv4 import Conv4
from harness_backbones.mlp import MLP
from harness_backbones.resnet import resnet18, resnet50
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import VectorShape


@pytest.mark.parametrize(
    ("variant", "shape", "features"),
    [
        ("pool", (1, 28, 28), 64),
        ("pool", (3, 32, 32), 256),
        ("pool", (3, 84, 84), 1600),
        ("pool", (1, 8, 8), 64),
        ("stride", (1, 28, 28), 64),
        ("stride", (3, 84, 84), 64),
        ("stride", (1, 8, 8), 64),
    ],
)
def test_conv4_has_the_widths_of_the_papers(variant: str, shape: tuple[int, int, int], features: int) -> None:
    network = Conv4(Conv4Config(variant=variant), shape)
    assert network.feature_dim == features
    assert network(torch.randn(2, *shape)).shape == (2, features)


@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    filters=st.integers(1, 5),
    variant=st.sampled_from(["pool", "stride"]),
)
@settings(max_examples=40, deadline=None)
def test_conv4_takes_images_of_any_size(channels: int, height: int, width: int, filters: int, variant: str) -> None:
    network = Conv4(Conv4Config(width=filters, variant=variant), (channels, height, width))
    assert network(torch.randn(2, channels, height, width)).shape == (2, network.feature_dim)


@pytest.mark.parametrize(("variant", "side"), [("pool", 32), ("stride", 32), ("stride", 8)])  # 8: a map of 1x1
def test_conv4_computes_what_its_description_says(variant: str, side: int) -> None:
    network = Conv4(Conv4Config(width=5, variant=variant), (3, side, side))
    images = torch.randn(4, 3, side, side)
    kernels = [weight for weight in network.parameters() if weight.ndim == 4]
    maps = images
    for kernel in kernels:
        maps = F.conv2d(maps, kernel, stride=2 if variant == "stride" else 1, padding=1)
        maps = F.relu(F.batch_norm(maps, None, None, training=True))
        maps = F.max_pool2d(maps, 2) if variant == "pool" else maps
    expected = maps.mean((2, 3)) if variant == "stride" else maps.flatten(1)
    assert len(kernels) == 4
    torch.testing.assert_close(network(images), expected)


def test_conv4_refuses_a_width_of_zero() -> None:
    with pytest.raises(ValueError, match="width must be at least 1"):
        Conv4Config(width=0)


@pytest.mark.parametrize(
    ("stem", "shape", "stride", "pools"),
    [
        ("auto", (1, 28, 28), (1, 1), False),
        ("auto", (3, 63, 96), (1, 1), False),
        ("auto", (3, 64, 64), (2, 2), True),
        ("small", (3, 84, 84), (1, 1), False),
        ("imagenet", (3, 32, 32), (2, 2), True),
    ],
)
def test_resnet_stem_fits_the_image(
    stem: str, shape: tuple[int, int, int], stride: tuple[int, int], pools: bool
) -> None:
    network = resnet18(ResNetConfig(stem=stem), shape)
    assert network.conv1.stride == stride
    assert isinstance(network.maxpool, torch.nn.MaxPool2d) == pools
    assert network(torch.randn(2, *shape)).shape == (2, network.feature_dim) == (2, 512)


def test_resnet50_has_2048_features() -> None:
    network = resnet50(ResNetConfig(), (1, 8, 8))
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, network.feature_dim) == (2, 2048)


def test_the_perceptron_is_its_layers_one_after_the_other() -> None:
    torch.manual_seed(0)
    network = MLP(MLPConfig(width=4, depth=2), VectorShape(3)).eval()
    weights = {name: value.double() for name, value in network.state_dict().items()}
    given = torch.randn(5, 3)
    hidden = given.double() @ weights["layers.0.weight"].T
    scale = (weights["layers.1.running_var"] + 1e-5).sqrt()
    hidden = ((hidden - weights["layers.1.running_mean"]) / scale).clamp_min(0)
    expected = hidden @ weights["layers.3.weight"].T + weights["layers.3.bias"]
    torch.testing.assert_close(network(given).double(), expected, atol=1e-6, rtol=1e-5)
    assert network.feature_dim == 4
    assert len(MLP(MLPConfig(depth=1), VectorShape(3)).layers) == 1


@pytest.mark.parametrize(
    ("network", "strides"),
    [
        (Conv4(Conv4Config(width=4), (1, 28, 28)), (2, 4, 8, 16)),
        (Conv4(Conv4Config(width=4), (1, 8, 8)), (2, 4, 8, 8)),
        (Conv4(Conv4Config(width=4, variant="stride"), (1, 28, 28)), (2, 4, 8, 16)),
        (resnet18(ResNetConfig(), (1, 32, 32)), (1, 2, 4, 8)),
        (resnet18(ResNetConfig(stem="imagenet"), (1, 32, 32)), (4, 8, 16, 32)),
    ],
)
def test_maps_end_in_the_features_and_are_of_images_of_any_size(network: Any, strides: tuple[int, ...]) -> None:
    network.eval()
    with torch.no_grad():
        maps = network.maps(torch.randn(2, 1, 64, 96))
        own = torch.randn(2, 1, 32, 32)
        features, last = network(own), network.maps(own)[-1]
    assert network.strides == strides
    assert [(each.shape[2], each.shape[3]) for each in maps] == [(64 // each, 96 // each) for each in strides]
    pooled = last.flatten(1) if features.shape[1] == last.flatten(1).shape[1] else last.mean((2, 3))
    torch.testing.assert_close(pooled, features)


def test_bfloat16_gives_finite_gradients_on_a_map_of_one_pixel() -> None:
    """torch 2.15 leaves parts of the gradient of a stride of 2 as they were in memory, on some processors."""
    network = Conv4(Conv4Config(variant="stride", width=8), (1, 8, 8)).to(memory_format=torch.channels_last)
    images = torch.randn(16, 1, 8, 8).to(memory_format=torch.channels_last)
    for _ in range(20):
        left = torch.full((100_000,), float("nan"))  # what memory may hold
        del left
        with torch.autocast("cpu", torch.bfloat16):
            loss = network(images).float().square().mean()
        slopes = torch.autograd.grad(loss, list(network.parameters()))
        assert all(slope.isfinite().all() for slope in slopes)
