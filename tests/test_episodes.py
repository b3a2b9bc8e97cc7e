"""Episodes: support and query disjoint, classes right, samples equally likely, one seed one stream."""

from __future__ import annotations

import re
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import Data, Episodes, Images, Split, UsageError, draw_episodes, require_episodes
from harness.learning.data.batches import Source
from harness.learning.data.episodes import draw_within
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


def grouped() -> Split:
    """Eight classes of ten: two of the category "few", six of "many"; no sample is of "none"."""
    split = split_of([10] * 8)
    kinds = (split.labels >= 2).long()
    return Split(split.samples, split.labels, split.classes, {"kind": kinds}, {"kind": ("few", "many", "none")})


def test_groups_are_the_classes_of_each_category() -> None:
    groups = grouped().groups("kind")
    assert list(groups) == ["few", "many"]
    classes = {name: {grouped().labels[part].unique().item() for part in own} for name, own in groups.items()}
    assert classes == {"few": {0, 1}, "many": {2, 3, 4, 5, 6, 7}}
    assert sorted(torch.cat([part for own in groups.values() for part in own]).tolist()) == list(range(80))


def test_a_class_of_several_categories_is_divided() -> None:
    labels, column = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 0, 1, 0])
    split = Split(torch.zeros(4, 1), labels, "ab", {"site": column}, {"site": ("here", "there")})
    found = {name: [part.tolist() for part in own] for name, own in split.groups("site").items()}
    assert found == {"here": [[1], [3]], "there": [[0, 2]]}


def test_categories_survive_what_is_done_with_a_split() -> None:
    split = grouped()
    for other in (split.with_samples(split.samples), split.share(0.5), split.to(torch.device("cpu"))):
        assert list(other.groups("kind")) == ["few", "many"]


def test_tasks_within_a_category_are_sound_and_categories_equally_likely() -> None:
    data = image_data({"train": grouped()})
    drawn = Episodes(2, 1, 3, tasks=1200, within="kind").indices(Source(data, 1, 0), 0)
    kinds = data.train.column("kind")[drawn.samples]
    assert (kinds == kinds[:, :1]).all()
    assert abs(kinds[:, 0].float().mean().item() - 0.5) < 4 * (0.25 / 1200) ** 0.5
    for samples in drawn.samples.tolist():
        assert len(set(samples)) == 8
    every = data.train.labels[drawn.support].flatten().bincount()  # within a category, classes are equally likely
    assert every[:2].float().mean().item() == pytest.approx(every[2:].float().mean().item() * 3, rel=0.15)
    assert drawn.support_labels.unique(dim=0).tolist() == [[0, 1]]


def test_tasks_of_one_category_or_of_no_column_are_those_of_the_classes_alone() -> None:
    split = grouped()
    generator = torch.Generator().manual_seed(3)
    for groups in (split.by_class, split.groups("kind")["many"]):
        plain = draw_episodes(groups, 2, 1, 3, 20, generator.manual_seed(3))
        drawn = draw_within([groups], 2, 1, 3, 20, generator.manual_seed(3))
        assert all(torch.equal(one, other) for one, other in zip(plain, drawn, strict=True))


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        (Episodes(3, 1, 3, within="kind"), "the kind 'few' of the split 'train' has 2 such classes of 2"),
        (Episodes(3, 1, 3, within="site"), "the split has no column 'site'; it has kind"),
        (Episodes(3, 1, 3, within="kind", only="mny"), "there is no kind 'mny'. Did you mean 'many'"),
        (Episodes(3, 1, 3, only="many"), "'only' is 'many', but 'within' names no column"),
    ],
)
def test_tasks_that_no_category_has_are_refused(episodes: Episodes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        episodes.check(Source(image_data({"train": grouped()}), 1, 0))
    Episodes(3, 1, 3, within="kind", only="many").check(Source(image_data({"train": grouped()}), 1, 0))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (torch.tensor([0.0, 1.0]), "the column 'kind' has named values, so it must be int64"),
        (torch.tensor([0, 2]), "the column 'kind' must be in 0 .. 1: it has 2 names"),
    ],
)
def test_a_column_of_categories_is_checked(column: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Split(torch.zeros(2, 1), torch.tensor([0, 1]), "ab", {"kind": column}, {"kind": ("x", "y")})


def test_a_column_without_names_divides_no_classes() -> None:
    split = Split(torch.zeros(2, 1), torch.tensor([0, 1]), "ab", {"score": torch.tensor([0.5, 1.0])})
    with pytest.raises(UsageError, match="the values of the column 'score' have no names"):
        split.groups("score")
