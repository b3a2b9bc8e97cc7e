"""MoCo v2: key copies, momentum, queue order, negatives, split and shuffled batch norm; that it learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from harness_moco import MoCoConfig
from harness_moco.method import MoCo, info_nce
from harness_moco.momentum import SplitNorm, follow, split_norms
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from harness import Data, Split, Text, UsageError
from harness.learning.data.batches import Source

VIEWS = (2, 12, 1, 14, 14)


@pytest.fixture
def moco(gratings: Data, tiny_net: Any) -> MoCo:
    return MoCo(tiny_net, MoCoConfig(queue_size=32, projection_dim=8, bn_splits=2), gratings)


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@given(images=st.integers(1, 5), size=st.integers(1, 9), temperature=st.floats(0.05, 1), seed=st.integers(0, 2**20))
@settings(max_examples=25, deadline=None)
def test_info_nce_equals_a_loop(images: int, size: int, temperature: float, seed: int) -> None:
    queries, keys, queue = unit(images, 6, seed=seed), unit(images, 6, seed=seed + 1), unit(size, 6, seed=seed + 2)
    total = 0.0
    for i in range(images):
        positive = math.exp(float(queries[i] @ keys[i]) / temperature)
        negatives = sum(math.exp(float(queries[i] @ queue[j]) / temperature) for j in range(size))
        total -= math.log(positive / (positive + negatives))
    assert info_nce(queries, keys, queue, temperature).item() == pytest.approx(total / images, rel=1e-3, abs=1e-5)


def test_loss_is_computed_in_float32_under_autocast(moco: MoCo) -> None:
    queries, keys, queue = unit(4, 8, seed=1), unit(4, 8, seed=2), unit(16, 8, seed=3)
    with torch.autocast("cpu", torch.bfloat16):
        within = info_nce(queries, keys, queue, 0.07)
        assert moco.loss(torch.randn(VIEWS)).dtype == torch.float32
    assert torch.equal(within, info_nce(queries, keys, queue, 0.07))
    assert moco.newest_keys.dtype == torch.float32


def test_keys_start_as_copies_of_backbone_and_head(moco: MoCo) -> None:
    backbone, head = moco.key_network
    for copied, original in ((backbone, moco.backbone), (head, moco.head)):
        assert copied is not original
        pairs = list(zip(copied.parameters(), original.parameters(), strict=True))
        assert pairs
        for key, query in pairs:
            assert torch.equal(key, query)
            assert key.data_ptr() != query.data_ptr()
            assert not key.requires_grad


def test_keys_get_no_gradient(moco: MoCo) -> None:
    moco.loss(torch.randn(VIEWS)).backward()
    assert all(weight.grad is None for weight in moco.key_network.parameters())
    assert all(weight.grad is not None for weight in (*moco.backbone.parameters(), *moco.head.parameters()))


def test_momentum_has_its_closed_form(moco: MoCo) -> None:
    """After t updates towards a fixed query: m^t key + (1 - m^t) query."""
    before = [weight.clone() for weight in moco.key_network.parameters()]
    with torch.no_grad():
        for weight in (*moco.backbone.parameters(), *moco.head.parameters()):
            weight.add_(1.0)
    for step in range(5):
        moco.after_step(step, 5)
    kept = moco.config.momentum**5
    for key, start in zip(moco.key_network.parameters(), before, strict=True):
        torch.testing.assert_close(key, kept * start + (1 - kept) * (start + 1))


def test_follow_keeps_all_at_one_and_nothing_at_zero() -> None:
    key, query = torch.ones(3), torch.full((3,), 5.0)
    follow([key], [query], 1.0)
    assert torch.equal(key, torch.ones(3))
    follow([key], [query], 0.0)
    assert torch.equal(key, query)


def test_batch_norm_statistics_of_the_keys_are_their_own(moco: MoCo) -> None:
    views = torch.stack([torch.randn(VIEWS[1:]), 5 + torch.randn(VIEWS[1:])])
    moco.loss(views)
    moco.after_step(0, 1)
    query, key = (
        next(buffer for name, buffer in network.named_buffers() if name.endswith("running_var"))
        for network in (moco.backbone, moco.key_network)
    )
    assert not torch.allclose(query, key)


def test_a_batch_never_sees_its_own_keys_as_negatives(moco: MoCo) -> None:
    """Trap: keys that join the queue before the loss. The loss must be that of the queue as it was."""
    queue = moco.queue.clone()
    loss = moco.loss(torch.randn(VIEWS))
    assert torch.equal(moco.queue, queue)
    loss.backward()  # the queue that the gradient needs is still the one the loss saw
    moco.after_step(0, 10)
    assert torch.equal(moco.queue[:12], moco.newest_keys)
    assert torch.equal(moco.queue[12:], queue[12:])


@given(size=st.integers(1, 12), batches=st.lists(st.integers(1, 15), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_queue_holds_the_newest_keys_oldest_out_first(size: int, batches: list[int]) -> None:
    """Against a plain list. Batch sizes need not divide the queue's, and may exceed it."""
    method = object.__new__(MoCo)
    nn.Module.__init__(method)
    method.register_buffer("queue", torch.full((size, 1), -1.0))
    method.register_buffer("place", torch.zeros((), dtype=torch.int64))
    expected = [-1.0] * size
    number = 0
    for batch in batches:
        keys = torch.arange(number, number + batch).float()
        number += batch
        method.enqueue(keys[:, None])
        expected = [*expected, *keys.tolist()][-size:]
    oldest_first = method.queue.flatten().roll(-int(method.place)).tolist()
    assert oldest_first == expected


def test_queue_starts_with_random_unit_vectors_and_is_saved(moco: MoCo) -> None:
    torch.testing.assert_close(moco.queue.norm(dim=1), torch.ones(32))
    assert len(moco.queue.unique(dim=0)) == 32
    assert {"queue", "place"} <= set(moco.state_dict())


def test_loss_uses_normalised_queries_and_keys(moco: MoCo) -> None:
    views = torch.randn(VIEWS)
    loss = moco.loss(views)
    queries = F.normalize(moco.head(moco.backbone(views[0])), dim=1)
    torch.testing.assert_close(moco.newest_keys.norm(dim=1), torch.ones(12))
    torch.testing.assert_close(loss, info_nce(queries, moco.newest_keys, moco.queue, 0.2))


def test_shuffling_gives_each_image_its_own_key(moco: MoCo) -> None:
    """In eval mode batch norm does not see the batch, so that the order must not matter at all."""
    images = torch.randn(VIEWS[1:])
    moco.eval()
    torch.testing.assert_close(moco.keys(images), F.normalize(moco.key_network(images), dim=1))


def test_shuffling_changes_who_shares_statistics(moco: MoCo) -> None:
    images = torch.randn(VIEWS[1:])
    straight = F.normalize(moco.key_network(images), dim=1)
    assert not torch.allclose(moco.keys(images), straight, atol=1e-4)


@given(number=st.integers(2, 20), splits=st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_split_norm_equals_a_loop_over_parts(number: int, splits: int) -> None:
    images = torch.randn(number, 3, 2, 2, generator=torch.Generator().manual_seed(number)) * 2 + 1
    norm = SplitNorm(nn.BatchNorm2d(3), splits)
    parts = min(splits, number // 2)
    sizes = [number // parts + (i < number % parts) for i in range(parts)]
    expected = []
    for part in images.split(sizes):
        mean = part.mean((0, 2, 3), keepdim=True)
        variance = part.var((0, 2, 3), correction=0, keepdim=True)
        expected.append((part - mean) / (variance + 1e-5).sqrt())
    torch.testing.assert_close(norm(images), torch.cat(expected), rtol=1e-4, atol=1e-5)


def test_split_norm_gathers_as_much_of_a_batch_as_a_whole_norm_does() -> None:
    """Equal parts: the running mean moves a tenth of the way, as torch's default momentum says."""
    images = torch.ones(16, 3, 2, 2) * 4
    norm = SplitNorm(nn.BatchNorm2d(3), 8)
    norm(images)
    torch.testing.assert_close(norm.norm.running_mean, torch.full((3,), 0.4))


def test_split_norm_is_plain_batch_norm_in_eval_mode() -> None:
    plain = nn.BatchNorm2d(3)
    plain(torch.randn(8, 3, 2, 2))
    images = torch.randn(5, 3, 2, 2)
    expected = plain.eval()(images)
    assert torch.equal(SplitNorm(plain, 4).eval()(images), expected)


def test_a_split_norm_gives_its_norm_back_with_its_momentum() -> None:
    norm = nn.BatchNorm2d(3)
    assert SplitNorm(norm, 8).unwrapped() is norm
    assert norm.momentum == pytest.approx(0.1)


def test_split_norms_wraps_nested_norms_once() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), nn.BatchNorm2d(2))
    split_norms(network, 4)
    wrapped = [module for module in network.modules() if isinstance(module, SplitNorm)]
    assert len(wrapped) == 2
    assert all(type(each.norm) is nn.BatchNorm2d for each in wrapped)


def test_no_label_is_in_a_batch(gratings: Data, moco: MoCo) -> None:
    views = moco.batches.draw(Source(gratings, 16, seed=0), 0)
    assert isinstance(views, Tensor)
    assert views.shape == (2, 16, 1, 14, 14)


def test_encode_uses_the_query_encoder(moco: MoCo) -> None:
    """Trap: the momentum encoder, or features after the head."""
    with torch.no_grad():
        for weight in moco.key_network.parameters():
            weight.fill_(math.nan)
    images = torch.randn(3, 1, 14, 14)
    features = moco.eval().encode(images)
    assert torch.equal(features, moco.backbone(images))
    assert features.isfinite().all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"momentum": 1.5},
        {"queue_size": 0},
        {"bn_splits": 0},
        {"projection_dim": 0},
        {"hidden_dim": -1},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MoCoConfig(**wrong)


def test_a_queue_that_holds_every_image_is_refused(gratings: Data, tiny_net: Any) -> None:
    number = len(gratings.train)
    with pytest.raises(UsageError, match=f"queue_size is {number}, but there are only {number} training samples"):
        MoCo(tiny_net, MoCoConfig(queue_size=number), gratings)


def test_split_norms_are_saved_under_the_names_of_plain_ones() -> None:
    """So that another network starts from them; models that were saved before, with `norm.` in each name, are read."""
    plain, split, older = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)) for _ in range(3))
    names = list(plain.state_dict())
    split_norms(split, 2)
    split_norms(older, 2)
    split(torch.randn(8, 3, 5, 5))
    state = split.state_dict()
    assert list(state) == names
    plain.load_state_dict(state)
    older.load_state_dict({name.replace("1.", "1.norm."): value for name, value in state.items()})
    for network in (plain, older):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    del state["1.bias"]
    with pytest.raises(RuntimeError, match=r"Missing key.*1\.norm\.bias"):
        split.load_state_dict(state)


def test_texts_are_not_shuffled_over_devices(moco: MoCo) -> None:
    """Those of each device are as long as its own longest. Without batch norm there is no need to."""

    class Words(nn.Module):
        feature_dim = 4

        def __init__(self, *layers: nn.Module) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

    data = Data.of({"train": Split(torch.ones(40, 3, dtype=torch.int64))}, Text(), torch.device("cpu"))
    config = MoCoConfig(queue_size=32, bn_splits=1)
    with pytest.raises(UsageError, match="moco must shuffle samples over the devices"):
        MoCo(Words(nn.BatchNorm1d(4)), config, data).check_devices(2, 12)
    MoCo(Words(nn.LayerNorm(4)), config, data).check_devices(2, 12)
    moco.check_devices(2, 12)
