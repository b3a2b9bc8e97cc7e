"""Any timm model is a backbone, whatever the image; what cannot be is a message."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from harness_timm import Config
from harness_timm.backbone import backbone
from torch import nn

from harness import ImageShape, UsageError
from harness.learning import building
from harness.plugins.registry import Kind, registry
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("test_resnet", (1, 28, 28)),
        ("test_vit", (3, 32, 32)),
        ("mobilenetv3_small_050", (3, 32, 32)),  # its features are wider than timm's num_features
    ],
)
def test_features_have_the_announced_width(model: str, shape: tuple[int, int, int]) -> None:
    network = backbone(Config(model=model), shape)
    features = network(torch.randn(2, *shape))
    assert features.shape == (2, network.feature_dim)
    assert features.requires_grad


@pytest.mark.parametrize(("model", "strides"), [("test_resnet", (2, 4, 8, 16, 32)), ("test_vit", (16,))])
def test_maps_of_a_copy_are_its_own(model: str, strides: tuple[int, ...]) -> None:
    """One for each stride; what changes the copy changes nothing of the network that was copied."""
    network: Any = backbone(Config(model=model), ImageShape(3, 64, 64)).eval()
    copied: Any = copy.deepcopy(network)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        maps = network.maps(images)
        for weight in copied.parameters():
            weight.zero_()
        changed, same = copied.maps(images), network.maps(images)
    assert network.strides == strides
    assert [tuple(each.shape[2:]) for each in maps] == [(64 // each, 64 // each) for each in strides]
    assert all(torch.equal(*pair) for pair in zip(maps, same, strict=True))
    assert not torch.equal(maps[-1], changed[-1])


def test_building_leaves_batch_norm_and_mode_alone() -> None:
    network = backbone(Config(model="test_resnet"), (3, 32, 32))
    assert network.training
    counts = [buffer.item() for name, buffer in network.named_buffers() if name.endswith("num_batches_tracked")]
    assert counts
    assert not any(counts)


def test_same_seed_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        states.append(backbone(Config(model="test_vit"), (3, 32, 32)).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no model 'resnet19'\. Did you mean 'resnet\d+"):
        backbone(Config(model="resnet19"), (3, 32, 32))


@pytest.mark.parametrize("name", ["hf-hub:someone/something", "local-dir:somewhere", "", "zzzzzzzzzzzz"])
def test_names_that_would_load_from_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="timm has no model") as caught:
        backbone(Config(model=name), (3, 32, 32))
    assert len(str(caught.value)) < 200


def test_images_too_small_for_a_model_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"'test_convnext' cannot take images of 1x8x8"):
        backbone(Config(model="test_convnext"), ImageShape(1, 8, 8))


@pytest.mark.parametrize("method", ["simclr", "maml"])
def test_a_model_that_is_to_have_torchs_own_layout_meets_no_other(method: str) -> None:
    """MAML lays out images by itself."""
    cells, layouts = [], []
    data = building.load_data(component("dataset", "digits"), torch.device("cpu"))
    for channels_last in (True, False):
        network = component("backbone", "timm", model="test_resnet", channels_last=channels_last)
        budget = Budget(steps=1, batch_size=4)
        cells.append(Cell("", component("method", method), network, component("dataset", "digits"), 0, budget))
        made = building.build(cells[-1], data).method
        assert made.batches is not None
        seen: set[bool] = set()
        for module in made.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_pre_hook(lambda _, given, seen=seen: seen.add(given[0].is_contiguous()))
        made.loss(made.batches.draw(building.source_of(cells[-1], data), 0))
        weights = {each.is_contiguous() for each in made.parameters() if each.ndim == 4 and min(each.shape) > 1}
        layouts.append((weights, seen))
    assert layouts[1] == ({True}, {True})
    assert False in layouts[0][0] & layouts[0][1]
    assert cells[0].id == cells[1].id


def component(kind: Kind, name: str, **options: Any) -> Component:
    spec = registry().get(kind, name)
    return Component(spec, spec.config(**options), name)
