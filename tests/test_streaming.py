"""Images that are read when they are needed equal those that are in memory, whoever asks and in whatever order."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from harness import (
    Augmentation,
    Data,
    Episodes,
    Images,
    Labelled,
    Method,
    Split,
    Streamed,
    StreamedImages,
    Trained,
    Views,
)
from harness.learning import components
from harness.learning.data import images as images_module
from harness.learning.data.batches import Source
from harness.learning.data.streaming import AHEAD, read_batches
from harness.testing.problem import image_data
from tests.parts import queries_by_part

IMAGES = torch.randint(0, 256, (90, 3, 6, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
LABELS = torch.arange(90) % 6
AUGMENTATION = Augmentation(flip=0.5, crop=(0.5, 1.0), jitter=0.5)


class Counting:
    """Reads from a tensor and remembers what was read."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def __call__(self, place: int) -> NDArray[np.uint8]:
        self.places.append(place)
        return IMAGES[place].permute(1, 2, 0).numpy()


def streamed(read: Callable[[int], NDArray[np.uint8]] | None = None) -> Streamed:
    return StreamedImages(read or Counting(), (90, 3, 6, 5))


def data_of(images: torch.Tensor | Streamed) -> Data:
    split = Split(images, LABELS, tuple("abcdef"))
    return image_data({"train": split, "novel": split}, AUGMENTATION)


@pytest.mark.parametrize("index", [[3], [], [5, 5, 0], [[1, 2], [89, -1], [4, 3]], 7], ids=str)
def test_it_is_indexed_as_a_tensor_is(index: Any) -> None:
    index = torch.tensor(index, dtype=torch.int64)
    got = streamed()[index]
    assert torch.equal(got, IMAGES[index])
    assert got.is_contiguous()


def test_other_indices_are_refused() -> None:
    for index in (slice(3), 3, torch.ones(90, dtype=torch.bool)):
        with pytest.raises(TypeError, match="int64"):
            streamed()[index]  # type: ignore[index]  # that is the point
    with pytest.raises(IndexError):
        streamed()[torch.tensor([90])]


@pytest.mark.parametrize(
    "batches",
    [Views(2), Views(3, plain=1), Labelled(), Episodes(4, 1, 2, 3)],
    ids=lambda batches: type(batches).__name__,
)
def test_batches_are_the_same_in_any_order(batches: Views | Labelled | Episodes) -> None:
    plain, read = (Source(data_of(images), 16, seed=5) for images in (IMAGES, streamed()))
    one, other = (cast(Images, each.data.modality) for each in (plain, read))
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.std, other.std)
    for step in (0, 1, 2, 3, 4, 5, 6, 40, 2, 2, 3):  # over the end of an epoch, ahead, and back
        expected, got = batches.draw(plain, step), batches.draw(read, step)
        for one, other in zip(expected, got, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("views", [Views(1), Views(2, plain=1)], ids=["random", "plain"])
def test_every_image_is_read_once_while_steps_follow_each_other(views: Views) -> None:
    read = Counting()
    data = data_of(IMAGES)
    source = Source(replace(data, splits={"train": Split(streamed(read), LABELS, tuple("abcdef"))}), 15, 0)
    for step in range(12):
        views.draw(source, step)
    images = source.data.train.samples
    assert isinstance(images, Streamed)
    assert len(images._pending) == AHEAD
    for waiting in images._pending.values():
        waiting.wait()
    assert sorted(read.places) == sorted([*range(90)] * 2 + source.indices(12).tolist() + source.indices(13).tolist())


@pytest.mark.parametrize(
    ("batches", "dim"),
    [
        (Views(2), 1),
        (Labelled(), 0),
        (Episodes(4, 1, 2, 4), 0),
        (Episodes(4, 1, 2, 3, divided="classes"), 1),
    ],
    ids=str,
)
def test_each_of_two_devices_reads_its_part_of_the_batch_alone(batches: Any, dim: int) -> None:
    whole, reads = Source(data_of(IMAGES), 16, seed=5), (Counting(), Counting())
    parts = [Source(data_of(streamed(read)), 16, 5, rank, 2) for rank, read in enumerate(reads)]
    for read in reads:
        read.places.clear()  # what the moments were computed of
    for step in range(5):  # one epoch
        expected, got = batches.draw(whole, step), [batches.draw(part, step) for part in parts]
        if isinstance(batches, Episodes) and batches.divided == "classes":
            expected = queries_by_part(expected, batches.ways, 2)
        if isinstance(expected, torch.Tensor):
            assert torch.equal(expected, torch.cat(got, dim))
        else:
            assert all(torch.equal(one, torch.cat(both, dim)) for one, *both in zip(expected, *got, strict=True))
    for part, read in zip(parts, reads, strict=True):
        wanted = [_places(batches, part, step) for step in range(5 + AHEAD)]
        assert set().union(*wanted[:5]) <= set(read.places) <= set().union(*wanted)


def _places(batches: Any, source: Source, step: int) -> set[int]:
    indices = batches.indices(source, step).samples if isinstance(batches, Episodes) else source.indices(step)
    return set(indices.flatten().tolist())


def test_what_nobody_asks_for_is_forgotten() -> None:
    images = streamed()
    for number in range(20):
        images.prefetch(torch.tensor([number]))
    assert len(images._pending) == AHEAD + 1
    assert torch.equal(images[torch.tensor([0])], IMAGES[:1])  # forgotten, so read again
    assert torch.equal(images[torch.tensor([19])], IMAGES[19:20])


def test_the_next_images_are_read_meanwhile() -> None:
    read = Counting()
    parts = read_batches(streamed(read), torch.arange(90).split(9))
    next(parts)
    wanted = set(range(9 * (1 + AHEAD)))
    deadline = time.monotonic() + 20
    while set(read.places) != wanted and time.monotonic() < deadline:
        time.sleep(0.001)
    assert set(read.places) == wanted
    assert torch.equal(torch.cat([IMAGES[:9], *parts]), IMAGES)


def test_features_are_the_same() -> None:
    torch.manual_seed(0)
    method = Method(nn.Sequential(nn.Flatten(), nn.Linear(90, 8)), None, data_of(IMAGES))
    plain, read = (Trained(method, data_of(images)) for images in (IMAGES, streamed()))
    assert torch.equal(plain.features("novel"), read.features("novel"))
    assert torch.equal(plain.encode(IMAGES, most=7), read.encode(streamed(), most=7))


@pytest.mark.parametrize(("room", "sizes"), [(2**26, [512, 88]), (360 * 250 + 7, [250, 250, 100]), (9, [1] * 600)])
def test_fewer_large_samples_are_encoded_at_a_time(
    room: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of these takes 360 bytes; those that fit 512 times are encoded as ever."""
    monkeypatch.setattr(components, "CHUNK_BYTES", room)
    seen: list[int] = []

    class Watched(Method):
        def encode(self, inputs: torch.Tensor) -> torch.Tensor:
            seen.append(len(inputs))
            return inputs.mean((2, 3))

    images = IMAGES.repeat(7, 1, 1, 1)[:600]
    data = image_data({"train": Split(images, torch.arange(600) % 6, tuple("abcdef"))}, AUGMENTATION)
    features = Trained(Watched(nn.Identity(), None, data), data).features("train")
    assert seen == sizes
    assert torch.equal(features, data.inputs(images).mean((2, 3)))


def test_moments_of_large_splits_are_those_of_a_sample_streamed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cast(Images, data_of(IMAGES).modality)
    monkeypatch.setattr(images_module, "MEASURED_WHOLE", IMAGES.numel() - 1)
    monkeypatch.setattr(images_module, "MEASURED", 30)
    read = Counting()
    plain, some = (cast(Images, data_of(images).modality) for images in (IMAGES, streamed(read)))
    assert len(set(read.places)) == len(read.places) == 30
    assert torch.equal(plain.mean, some.mean)
    assert torch.equal(plain.std, some.std)
    assert not torch.equal(whole.mean, some.mean)
    assert (whole.mean - some.mean).abs().max() < 0.05


def test_an_error_arrives_where_the_image_is_asked_for() -> None:
    def read(place: int) -> NDArray[np.uint8]:
        if place == 17:
            raise OSError("picture 17 is broken")
        return Counting()(place)

    images = streamed(read)
    images.prefetch(torch.arange(16, 20))
    assert torch.equal(images[torch.arange(16)], IMAGES[:16])
    for _ in range(2):
        with pytest.raises(OSError, match="picture 17 is broken"):
            images[torch.arange(16, 20)]


def test_nothing_is_read_any_more_once_the_images_are_gone() -> None:
    started, go_on = threading.Event(), threading.Event()
    places: list[int] = []

    def read(place: int) -> NDArray[np.uint8]:
        places.append(place)
        started.set()
        go_on.wait(20)
        return Counting()(place)

    images = streamed(read)
    images.prefetch(torch.arange(80))
    assert started.wait(20)
    del images
    gc.collect()
    go_on.set()
    deadline = time.monotonic() + 20
    while any(thread.name.startswith("harness-read") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "threads are still there"
        time.sleep(0.001)
    assert len(places) < 80
