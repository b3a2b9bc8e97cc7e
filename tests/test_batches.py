"""Batches: a function of seed and step; an epoch visits every sample once; views are of one image, without labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from harness import Augmentation, Data, Episodes, Images, Labelled, Split, UsageError, Views
from harness.learning.data.batches import Source
from harness.learning.data.splits import WatchedSplit
from harness.testing.problem import image_data
from tests.parts import queries_by_part


def data_of(number: int = 100, classes: int = 4) -> Data:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (number, 3, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.arange(number) % classes
    train = Split(images, labels, tuple(map(str, range(classes))))
    return image_data({"train": train}, Augmentation(flip=0.5, crop=(0.5, 1.0)))


SOURCE = Source(data_of(), batch_size=16, seed=5)
IMAGES_OF = cast(Images, SOURCE.data.modality)
STILL = replace(SOURCE.data, modality=replace(IMAGES_OF, augmentation=Augmentation()))


@pytest.mark.parametrize(
    "batches",
    [Views(2), Views(3, plain=1), Labelled(), Episodes(4, 1, 2, 3)],
    ids=lambda batches: type(batches).__name__,
)
def test_a_batch_depends_on_seed_and_step_alone(batches: Views | Labelled | Episodes) -> None:
    def flat(seed: int, step: int) -> torch.Tensor:
        drawn = batches.draw(Source(SOURCE.data, 16, seed), step)
        return torch.cat([part.float().flatten() for part in (drawn if isinstance(drawn, tuple) else (drawn,))])

    torch.manual_seed(1)
    first = flat(5, 7)
    torch.manual_seed(2)
    assert torch.equal(flat(5, 7), first)  # whatever the global generator does
    assert not torch.equal(flat(5, 8), first)
    assert not torch.equal(flat(6, 7), first)


EVERYTHING = Augmentation(
    crop=(0.3, 1.0), flip=0.5, rotate=20, translate=0.1, scale=(0.8, 1.2), jitter=0.5, gray=0.3, blur=0.5, solarise=0.3
)


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize(
    "batches",
    [
        Views(2, EVERYTHING),
        Views(3, EVERYTHING, plain=1),
        Labelled(EVERYTHING),
        Episodes(4, 1, 2, tasks=8),
        Episodes(4, 2, 3, divided="classes"),
    ],
    ids=["views", "plain", "labelled", "tasks", "classes"],
)
def test_the_parts_of_several_ranks_are_the_batch_of_one(batches: Views | Labelled | Episodes, ranks: int) -> None:
    def parts(drawn: Any) -> list[torch.Tensor]:
        if isinstance(batches, Views):
            return [drawn]
        if isinstance(batches, Labelled):
            return [part[None] for part in drawn]
        by_class = batches.divided == "classes"
        return [part if by_class else part.transpose(0, 1) for part in drawn]

    for step in range(8):
        drawn = batches.draw(SOURCE, step)
        if isinstance(batches, Episodes) and batches.divided == "classes":
            drawn = queries_by_part(drawn, batches.ways, ranks)
        whole = parts(drawn)
        own = [parts(batches.draw(replace(SOURCE, rank=rank, ranks=ranks), step)) for rank in range(ranks)]
        for number, expected in enumerate(whole):
            torch.testing.assert_close(torch.cat([each[number] for each in own], 1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("batches", "what"),
    [
        (Views(2), "a batch of 16"),
        (Episodes(4, 1, 2, tasks=2), "2 tasks"),
        (Episodes(4, 1, 2, divided="classes"), "4 cl"),
    ],
    ids=["views", "tasks", "classes"],
)
def test_what_cannot_be_divided_evenly_is_refused(batches: Views | Episodes, what: str) -> None:
    with pytest.raises(UsageError, match=f"^{what}.* cannot be divided evenly over 3 devices"):
        batches.check(replace(SOURCE, ranks=3))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    Views(2).draw(SOURCE, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_epoch_visits_samples_once_and_the_next_in_another_order() -> None:
    assert SOURCE.steps_per_epoch == 6
    epochs = [torch.cat([SOURCE.indices(6 * epoch + step) for step in range(6)]) for epoch in range(3)]
    for epoch in epochs:
        assert len(epoch.unique()) == 96
    assert not torch.equal(epochs[0], epochs[1])


def test_views_are_of_one_image_and_differ() -> None:
    plain = Views(2, Augmentation(flip=0.0, crop=(1.0, 1.0)))
    still = Source(STILL, 16, 5)
    one, two = Views(2, Augmentation()).draw(still, 0)
    assert torch.equal(one, two)  # nothing to augment: both are the image itself
    expected = SOURCE.data.train.samples[SOURCE.indices(0)].float() / 255
    moments = IMAGES_OF.mean[:, None, None], IMAGES_OF.std[:, None, None]
    torch.testing.assert_close(one * moments[1] + moments[0], expected)
    one, two = Views(2).draw(SOURCE, 0)
    assert not torch.equal(one, two)
    assert plain.draw(SOURCE, 0).shape == (2, 16, 3, 8, 8)


def test_the_first_views_may_be_the_samples_themselves_and_the_others_stay_what_they_are() -> None:
    for step in (0, 7):
        random = Views(2, EVERYTHING).draw(SOURCE, step)
        itself = SOURCE.data.inputs(cast(torch.Tensor, SOURCE.data.train.samples)[SOURCE.indices(step)])
        for plain in (1, 2):
            views = Views(2 + plain, EVERYTHING, plain=plain).draw(SOURCE, step)
            assert all(torch.equal(view, itself) for view in views[:plain])
            assert torch.equal(views[plain:], random)
    assert torch.equal(Views(1, EVERYTHING, plain=1).draw(SOURCE, 0)[0], SOURCE.data.inputs(SOURCE.samples(0)))


@pytest.mark.parametrize("plain", [-1, 3])
def test_there_are_no_more_plain_views_than_views(plain: int) -> None:
    with pytest.raises(ValueError, match="plain must be between 0 and the number of views, 2, not"):
        Views(2, plain=plain)


def test_a_methods_augmentation_wins_over_the_data_sets() -> None:
    merged = Augmentation(flip=0.0).over(Augmentation(flip=0.5, crop=(0.2, 1.0)))
    assert (merged.flip, merged.crop, merged.jitter) == (0.0, (0.2, 1.0), None)


def test_labels_fit_their_images_and_pixels_are_normalised() -> None:
    source = Source(STILL, 16, 5)
    batch = Labelled().draw(source, 3)
    assert torch.equal(batch.labels, SOURCE.data.train.labels[SOURCE.indices(3)])
    everything = IMAGES_OF.inputs(SOURCE.data.train.samples)
    torch.testing.assert_close(everything.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(everything.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(UsageError, match="batch_size is 101, but the split 'train' has only 100"):
        Views(2).check(Source(SOURCE.data, 101, 0))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64), "images must be uint8"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "images must be uint8"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "labels must be int64"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 5]), "labels must be in 0 .. 1, not 0 .. 5"),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), "no samples"),
    ],
)
def test_splits_that_do_not_fit_are_refused(images: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        image_data({"train": Split(images, labels, ("a", "b"))})


def test_a_data_set_without_train_or_with_two_shapes_is_refused() -> None:
    small = Split(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), torch.tensor([0]), ("a",))
    large = Split(torch.zeros(1, 1, 5, 5, dtype=torch.uint8), torch.tensor([0]), ("a",))
    with pytest.raises(UsageError, match="needs a split 'train'"):
        image_data({"test": small})
    with pytest.raises(UsageError, match="the split 'test': all splits must have images of one shape"):
        image_data({"train": small, "test": large})


def test_inputs_are_the_normalised_pixels() -> None:
    images = torch.randint(256, (50, 3, 8, 8), dtype=torch.uint8)
    data = image_data({"train": Split(images, torch.zeros(50, dtype=torch.int64), ("a",))})
    modality = cast(Images, data.modality)
    expected = modality.normalize(modality.pixels(images))
    torch.testing.assert_close(data.inputs(images), expected, atol=1e-5, rtol=0)
    assert images.dtype == torch.uint8


def test_a_split_notes_that_labels_or_annotations_were_used_but_not_where_samples_are_from() -> None:
    columns = {"pair": torch.arange(4), "domain": torch.tensor([0, 1, 0, 1])}
    split = Split(torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64), ("any",), columns, {"domain": ("a", "b")})
    uses: dict[str, Callable[[Split], Any]] = {
        "nothing": len,
        "a domain": lambda each: each.column("domain"),
        "labels": lambda each: each.labels,
        "pairs": lambda each: each.column("pair"),
    }
    noted = {}
    for name, use in uses.items():
        watched = WatchedSplit(split)
        use(watched)
        noted[name] = watched.asked
    assert noted == {"nothing": False, "a domain": False, "labels": True, "pairs": True}
