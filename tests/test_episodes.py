"""Episodes: support and query disjoint, classes right, samples equally likely, one seed one stream."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import Data, Episodes, Images, Split, UsageError, draw_episodes, require_episodes
from harness.learning.data.batches import Source
from harness.learning.data.splits import Data as _Data
from harness.testing.problem import image_data


def split_of(sizes: list[int]) -> Split:
    """Classes of the given sizes, samples in a shuffled order; each image holds its own number."""
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    images = torch.arange(len(labels)).to(torch.uint8).reshape(-1, 1, 1, 1)
    return Split(images, labels, tuple(f"class {number}" for number in range(len(sizes))))


@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=12),
    ways=st.integers(1, 5),
    shots=st.integers(1, 4),
    queries=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_every_episode_is_sound(sizes: list[int], ways: int, shots: int, queries: int, seed: int) -> None:
    split = split_of(sizes)
    if sum(size >= shots + queries for size in sizes) < ways:
        with pytest.raises(UsageError, match=f"{ways}-way {shots}-shot episodes"):
            require_episodes(split, "train", ways, shots, queries)
        return
    require_episodes(split, "train", ways, shots, queries)
    drawn = draw_episodes(split.by_class, ways, shots, queries, 20, torch.Generator().manual_seed(seed))
    assert drawn.support.shape == drawn.support_labels.shape == (20, ways * shots)
    assert drawn.query.shape == drawn.query_labels.shape == (20, ways * queries)
    for support, support_labels, query, query_labels in zip(*drawn, strict=True):
        both = torch.cat([support, query]).tolist()
        assert len(set(both)) == len(both)  # no sample twice, none in support and query
        classes = [split.labels[support[support_labels == way]].unique() for way in range(ways)]
        assert all(len(one) == 1 for one in classes)  # each label of the episode is one class
        assert len(torch.cat(classes).unique()) == ways  # and another class than the others
        for way in range(ways):
            assert (split.labels[query[query_labels == way]] == classes[way]).all()


def test_the_stream_is_the_seeds_and_goes_on_without_repeating() -> None:
    split = split_of([10] * 8)
    one, same, other = (
        draw_episodes(split.by_class, 5, 1, 5, 50, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one.query, same.query)
    assert not torch.equal(one.query, other.query)
    assert len({tuple(row) for row in one.query.tolist()}) == 50


def test_queries_are_shuffled_apart_from_what_is_drawn() -> None:
    """Support class by class, queries in an order of each episode's own; which samples are drawn is what it was before
    queries were shuffled, also in the episodes that the same generator gives later."""
    split, generator = split_of([10] * 8), torch.Generator().manual_seed(0)
    unshuffled = torch.Generator().manual_seed(0)
    orders = set()
    for _ in range(3):
        drawn = draw_episodes(split.by_class, 5, 2, 4, 20, generator)
        padded, _sizes = split.by_class.table(6)
        classes = torch.rand(20, 8, generator=unshuffled).topk(5, largest=False).indices
        picks = torch.rand(20, 5, 10, generator=unshuffled).topk(6, largest=False).indices
        picks = padded[classes].gather(2, picks)
        assert torch.equal(drawn.support, picks[:, :, :2].flatten(1))
        assert torch.equal(drawn.support_labels, torch.arange(5).repeat_interleave(2).expand(20, -1))
        back = drawn.query_labels.argsort(1)
        assert torch.equal(
            drawn.query.gather(1, back).unflatten(1, (5, 4)).sort(2).values, picks[:, :, 2:].sort(2).values
        )
        orders |= {tuple(row) for row in drawn.query_labels.tolist()}
    assert len(orders) == 60
    mean = drawn.query_labels.float().mean(0)  # of each place, over episodes: 2, were there enough of them
    assert (mean - 2).abs().max() < 1.5


def test_a_part_of_the_classes_keeps_their_samples_in_order() -> None:
    drawn = draw_episodes(split_of([10] * 8).by_class, 6, 2, 3, 4, torch.Generator().manual_seed(0))
    part = drawn.of_classes(slice(2, 4))
    for labels, samples, kept, of in (
        (part.support_labels, part.support, 4, drawn[:2]),
        (part.query_labels, part.query, 6, drawn[2:]),
    ):
        assert labels.shape == samples.shape == (4, kept)
        for episode in range(4):
            among = [(int(sample), int(label)) for sample, label in zip(of[0][episode], of[1][episode], strict=True)]
            expected = [pair for pair in among if pair[1] in (2, 3)]
            assert list(zip(samples[episode].tolist(), labels[episode].tolist(), strict=True)) == expected


def test_classes_and_samples_are_uniform() -> None:
    """Chi-square over 20,000 draws: its 99.99 % point is 27.9 for 7 and 126 for 71 degrees of freedom."""
    split = split_of([9] * 8)
    drawn = draw_episodes(split.by_class, 3, 1, 2, 20_000, torch.Generator().manual_seed(0))
    for counts in (
        torch.bincount(split.labels[drawn.support].flatten(), minlength=8),
        torch.bincount(drawn.query.flatten(), minlength=72) / 2,
    ):
        expected = counts.sum() / len(counts)
        assert float(((counts - expected) ** 2 / expected).sum()) < {8: 27.9, 72: 126.0}[len(counts)]


def test_a_training_batch_holds_the_images_of_its_labels() -> None:
    split = split_of([10] * 8)
    data = image_data({"train": split})
    batch = Episodes(ways=4, shots=2, queries=3, tasks=5).draw(Source(data, 16, seed=0), step=3)
    assert batch.support.shape == (5, 8, 1, 1, 1)
    assert batch.query.shape == (5, 12, 1, 1, 1)
    images = cast(Images, data.modality)
    numbers = (batch.support * images.std + images.mean).mul(255).round().long().flatten(1)
    for task, labels in zip(numbers, batch.support_labels, strict=True):
        assert all(len(split.labels[task[labels == way]].unique()) == 1 for way in range(4))


def test_data_is_exported_once() -> None:
    assert Data is _Data
