"""NT-Xent against a loop over pairs and a closed form; what a step sees; that it learns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_simclr import Config
from harness_simclr.method import SimCLR, nt_xent, projector
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness import Data, Split
from harness.learning.data.batches import Source


def loop_over_pairs(z: Tensor, temperature: float) -> Tensor:
    """Eq. 1 and the mean over all positive pairs, (i, j) and (j, i), one pair at a time, in float64."""
    z = z.double()
    total = torch.zeros((), dtype=torch.float64)
    number = len(z) // 2

    def similarity(i: int, j: int) -> Tensor:
        return z[i] @ z[j] / (z[i].norm() * z[j].norm())

    for i in range(2 * number):
        j = i + number if i < number else i - number
        others = sum((similarity(i, k) / temperature).exp() for k in range(2 * number) if k != i)
        total = total - ((similarity(i, j) / temperature).exp() / others).log()
    return total / (2 * number)


@given(images=st.integers(1, 6), width=st.integers(2, 8), temperature=st.floats(0.05, 2), seed=st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_nt_xent_and_its_gradient_equal_a_loop_over_pairs(
    images: int, width: int, temperature: float, seed: int
) -> None:
    z = torch.randn(2 * images, width, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    ours, reference = nt_xent(z, temperature), loop_over_pairs(z, temperature)
    torch.testing.assert_close(ours.double(), reference, rtol=1e-4, atol=1e-5)
    gradients = (torch.autograd.grad(loss, z)[0] for loss in (ours, reference))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_nt_xent_of_orthogonal_images_has_its_closed_form(temperature: float) -> None:
    number = 8
    z = 3 * torch.eye(number).repeat(2, 1)  # both views of an image equal, different images orthogonal
    expected = math.log(math.exp(1 / temperature) + 2 * number - 2) - 1 / temperature
    assert nt_xent(z, temperature).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_nt_xent_is_computed_in_float32_under_autocast() -> None:
    z = torch.randn(16, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(nt_xent(z, 0.1), nt_xent(z.clone(), 0.1))
        assert nt_xent(z.bfloat16(), 0.1).dtype == torch.float32
        within = nt_xent(z, 0.1)
    assert torch.equal(within, nt_xent(z, 0.1))


def test_positives_are_views_of_one_image_and_labels_are_not_seen(gratings: Data, tiny_net: Any) -> None:
    method = SimCLR(tiny_net, Config(), gratings)
    train = gratings.train
    flipped = Split(train.samples, train.labels.flip(0), train.classes)
    relabelled = replace(gratings, splits={**gratings.splits, "train": flipped})
    views, others = (method.batches.draw(Source(data, 16, seed=3), step=2) for data in (gratings, relabelled))
    assert isinstance(views, Tensor)
    assert views.shape == (2, 16, 1, 14, 14)
    assert torch.equal(views, others)


def test_loss_pairs_the_views_and_shares_batch_norm_between_them(gratings: Data, tiny_net: Any) -> None:
    method = SimCLR(tiny_net, Config(temperature=0.3), gratings)
    views = torch.randn(2, 8, 1, 14, 14)
    z = method.projector(method.backbone(torch.cat([views[0], views[1]])))
    torch.testing.assert_close(method.loss(views).double(), loop_over_pairs(z, 0.3), rtol=1e-4, atol=1e-5)


def test_projector_has_batch_norm_after_both_layers() -> None:
    z = projector(512, 512, 128)(torch.randn(32, 512))
    assert z.shape == (32, 128)
    torch.testing.assert_close(z.mean(0), torch.zeros(128), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(128), atol=1e-2, rtol=0)


def test_encode_gives_the_backbones_features(gratings: Data, tiny_net: Any) -> None:
    method = SimCLR(tiny_net, Config(), gratings).eval()
    images = torch.randn(3, 1, 14, 14)
    assert torch.equal(method.encode(images), tiny_net(images))


def test_augment_option_reaches_the_views(gratings: Data, tiny_net: Any) -> None:
    still = SimCLR(tiny_net, Config(augment=type(Config().augment)(translate=0.0, jitter=0.0)), gratings)
    first, second = still.batches.draw(Source(gratings, 8, seed=0), 0)
    assert torch.equal(first, second)
    first, second = SimCLR(tiny_net, Config(), gratings).batches.draw(Source(gratings, 8, seed=0), 0)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"projection_dim": 0}, {"hidden_dim": -1}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Config(**wrong)


def test_features_of_one_class_are_not_pulled_together_by_name() -> None:
    """Two images of one class are negatives: equal rows of different images raise the loss."""
    apart = torch.eye(4).repeat(2, 1)
    together = F.one_hot(torch.tensor([0, 0, 2, 3]), 4).float().repeat(2, 1)
    assert nt_xent(together, 0.5) > nt_xent(apart, 0.5)
