"""MoCo v3: its loss against a loop, both directions, the momentum's schedule; that it learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_moco import MoCoV3Config
from harness_moco.v3 import MoCoV3, contrast, momentum_at
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness import Data

VIEWS = (2, 12, 1, 14, 14)


@pytest.fixture
def moco(gratings: Data, tiny_net: Any) -> MoCoV3:
    return MoCoV3(tiny_net, MoCoV3Config(hidden_dim=16, projection_dim=8), gratings)


def loop(queries: Tensor, keys: Tensor, temperature: float) -> float:
    """`ctr` of algorithm 1, one pair at a time."""
    queries, keys = queries.double(), keys.double()
    total = 0.0
    for i in range(len(queries)):
        weights = [math.exp(float(queries[i] @ key / (queries[i].norm() * key.norm())) / temperature) for key in keys]
        total -= math.log(weights[i] / sum(weights))
    return 2 * temperature * total / len(queries)


@given(images=st.integers(1, 6), temperature=st.floats(0.05, 1), seed=st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_contrast_equals_a_loop(images: int, temperature: float, seed: int) -> None:
    queries, keys = torch.randn(2, images, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert contrast(queries, keys, temperature).item() == pytest.approx(
        loop(queries, keys, temperature), rel=1e-3, abs=1e-5
    )


def test_loss_is_computed_in_float32_under_autocast(moco: MoCoV3) -> None:
    queries, keys = torch.randn(2, 6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        within = contrast(queries, keys, 0.1)
        assert moco.loss(torch.randn(VIEWS)).dtype == torch.float32
    assert torch.equal(within, contrast(queries, keys, 0.1))


def test_loss_goes_both_directions_with_views_apart(moco: MoCoV3) -> None:
    views = torch.randn(VIEWS)
    with torch.no_grad():
        queries = [moco.predictor(moco.projector(moco.backbone(view))) for view in views]
        keys = [moco.key_network(view) for view in views]
    expected = loop(queries[0], keys[1], 0.2) + loop(queries[1], keys[0], 0.2)
    assert moco.loss(views).item() == pytest.approx(expected, rel=1e-4)
    assert moco.loss(views.flip(0)).item() == pytest.approx(expected, rel=1e-4)


def test_keys_are_copies_without_predictor_or_gradient(moco: MoCoV3) -> None:
    originals = [*moco.backbone.parameters(), *moco.projector.parameters()]
    for key, query in zip(moco.key_network.parameters(), originals, strict=True):
        assert torch.equal(key, query)
        assert key.data_ptr() != query.data_ptr()
    moco.loss(torch.randn(VIEWS)).backward()
    assert all(weight.grad is None for weight in moco.key_network.parameters())
    assert all(weight.grad is not None for weight in (*originals, *moco.predictor.parameters()))


def test_momentum_rises_along_a_cosine() -> None:
    values = [momentum_at(step, 100, 0.99) for step in range(101)]
    assert values[0] == pytest.approx(0.99)
    assert values[50] == pytest.approx(0.995)
    assert values[100] == pytest.approx(1.0)
    assert values == sorted(values)


def test_key_network_follows_with_the_momentum_of_the_step(moco: MoCoV3) -> None:
    before = [weight.clone() for weight in moco.key_network.parameters()]
    with torch.no_grad():
        for weight in (*moco.backbone.parameters(), *moco.projector.parameters()):
            weight.add_(1.0)
    kept = 1.0
    for step in range(4):
        moco.after_step(step, 10)
        kept *= momentum_at(step + 1, 10, 0.99)
    for key, start in zip(moco.key_network.parameters(), before, strict=True):
        torch.testing.assert_close(key, start + 1 - kept)


def test_encode_uses_the_query_encoder(moco: MoCoV3) -> None:
    with torch.no_grad():
        for weight in moco.key_network.parameters():
            weight.fill_(math.nan)
    images = torch.randn(3, 1, 14, 14)
    assert torch.equal(moco.eval().encode(images), moco.backbone(images))
