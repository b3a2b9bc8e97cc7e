"""Any timm model is a backbone, whatever the image; what cannot be is a message."""

from __future__ import annotations

import pytest
import torch
from harness_timm import Config
from harness_timm.backbone import backbone

from harness import UsageError


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
    with pytest.raises(UsageError, match=r"'test_convnext' cannot take images of shape \(1, 8, 8\)"):
        backbone(Config(model="test_convnext"), (1, 8, 8))
