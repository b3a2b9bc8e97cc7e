"""Large and small crops of pictures: what a batch holds, and which networks take it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_joint import SwAVConfig
from harness_joint.crops import CropBatch, MultiCrop, batches_of, of_all
from torch import Tensor, nn

from harness import Augmentation, Data, Images, Split, UsageError, Vectors
from harness.learning.data.batches import Source, Views

SIDE, PLACES = 16, 64


@pytest.fixture(scope="module")
def ramps() -> Data:
    """64 pictures of 16 x 16 pixels, each of one grey of its own: a crop shows which picture it is of."""
    greys = (torch.arange(PLACES) * 4).to(torch.uint8)[:, None, None, None].expand(-1, 1, SIDE, SIDE).clone()
    split = Split(greys, torch.arange(PLACES) % 2, ("a", "b"))
    return Data.of({"train": split}, Images.of(greys, Augmentation(flip=0.5)), torch.device("cpu"))


def test_crops_are_of_the_same_pictures_in_the_same_order(ramps: Data) -> None:
    source = Source(ramps, 8, seed=0)
    batch = MultiCrop(3, 7, Augmentation(crop=(0.5, 1.0)), (0.1, 0.2)).draw(source, 2)
    assert batch.large.shape == (2, 8, 1, SIDE, SIDE)
    assert batch.small.shape == (3, 8, 1, 7, 7)
    greys = ramps.inputs(ramps.train.samples[source.indices(2)]).mean((1, 2, 3))
    for crops in batch:
        torch.testing.assert_close(crops.mean((2, 3, 4)), greys.expand(len(crops), -1), atol=1e-5, rtol=0)


def test_small_crops_show_a_part_and_large_ones_do_not_depend_on_them(gratings: Data) -> None:
    """A picture that is black left and white right: a crop of a tenth is rarely of both."""
    half = torch.zeros(64, 1, SIDE, SIDE, dtype=torch.uint8)
    half[..., SIDE // 2 :] = 255
    data = Data.of({"train": Split(half)}, Images.of(half, Augmentation()), torch.device("cpu"))
    batch = MultiCrop(2, 8, Augmentation(), (0.05, 0.1)).draw(Source(data, 64, 0), 0)
    uniform = [(crops.std((2, 3, 4)) < 1e-4).float().mean().item() for crops in batch]
    assert uniform[0] == 0
    assert uniform[1] > 0.5
    source, augment = Source(gratings, 8, seed=3), Augmentation(jitter=0.5)
    drawn = MultiCrop(2, 8, augment, (0.05, 0.1)).draw(source, 1)
    assert torch.equal(drawn.large, Views(2, augment).draw(source, 1))
    assert not torch.equal(drawn.small[0], drawn.small[1])
    again = MultiCrop(2, 8, augment, (0.05, 0.1)).draw(source, 1)
    assert all(torch.equal(one, other) for one, other in zip(drawn, again, strict=True))
    assert not torch.equal(drawn.small, MultiCrop(2, 8, augment, (0.05, 0.1)).draw(source, 2).small)


def test_small_crops_are_not_drawn_with_the_numbers_of_the_large_ones(ramps: Data) -> None:
    """Else a small crop would be in the same place of its picture as a large one."""
    source, augment = Source(ramps, 64, 0), Augmentation(crop=(0.3, 0.3), jitter=1.0)
    batch = MultiCrop(2, SIDE, augment, (0.3, 0.3)).draw(source, 0)
    assert not torch.allclose(batch.large, batch.small, atol=0.05)
    brightness = torch.stack([batch.large[0].mean((1, 2, 3)), batch.small[0].mean((1, 2, 3))])
    plain = ramps.inputs(ramps.train.samples[source.indices(0)]).mean((1, 2, 3))
    assert abs(torch.corrcoef(brightness - plain)[0, 1].item()) < 0.9


def test_two_devices_draw_what_one_does(gratings: Data) -> None:
    kind, source = MultiCrop(3, 6, Augmentation(), (0.3, 0.6)), Source(gratings, 8, seed=1)
    whole = kind.draw(source, 4)
    parts = [kind.draw(replace(source, rank=rank, ranks=2), 4) for rank in range(2)]
    for one, both in zip(whole, zip(*parts, strict=True), strict=True):
        torch.testing.assert_close(torch.cat(both, 1), one)


def test_counts_of_a_step(gratings: Data) -> None:
    kind, source = MultiCrop(4, 6, Augmentation(), (0.3, 0.6)), Source(gratings, 8, seed=1)
    assert (kind.samples_per_step(source), kind.views_per_step(source)) == (8, 48)
    assert kind.steps_per_epoch(source) == 1024 // 8
    with pytest.raises(UsageError, match="batch_size is 2000"):
        kind.check(Source(gratings, 2000, 0))


def test_crops_of_one_size_pass_as_one_batch_in_their_order() -> None:
    seen: list[tuple[int, ...]] = []

    def network(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape))
        return images.mean((2, 3))

    large, small = torch.randn(2, 5, 3, 8, 8), torch.randn(3, 5, 3, 4, 4)
    found = of_all(network, CropBatch(large, small))  # type: ignore[arg-type]  # a plain function
    assert seen == [(10, 3, 8, 8), (15, 3, 4, 4)]
    torch.testing.assert_close(found, torch.cat([large.mean((3, 4)), small.mean((3, 4))]))
    assert of_all(network, CropBatch(large, large[:0])).shape == (2, 5, 3)  # type: ignore[arg-type]


def test_options_say_which_crops(gratings: Data, tiny_net: Any) -> None:
    source = Source(gratings, 4, 0)
    half = batches_of(SwAVConfig(), tiny_net, gratings).draw(source, 0)
    assert (half.large.shape, half.small.shape) == ((2, 4, 1, 14, 14), (4, 4, 1, 7, 7))
    told = batches_of(SwAVConfig(small_crops=3, small_side=9), tiny_net, gratings).draw(source, 0)
    assert (told.large.shape, told.small.shape) == ((2, 4, 1, 14, 14), (3, 4, 1, 9, 9))


class Flat(nn.Module):
    """As many features as pixels."""

    feature_dim = 14 * 14

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images.flatten(1)


class Square(Flat):
    """Takes one size alone."""

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(-1, 14 * 14)


@pytest.mark.parametrize(
    ("network", "said"),
    [(Flat(), "images of 1x7x7, of which it makes 49 features instead of 196"), (Square(), "images of 1x7x7: shape")],
)
def test_a_backbone_of_one_size_is_refused(gratings: Data, network: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        batches_of(SwAVConfig(), network, gratings)
    assert batches_of(SwAVConfig(small_crops=0), network, gratings).small == 0


def test_only_pictures_have_crops(tiny_net: Any) -> None:
    rows = torch.randn(8, 3)
    data = Data.of({"train": Split(rows)}, Vectors.of(rows), torch.device("cpu"))
    with pytest.raises(UsageError, match="crops of several sizes are of pictures, and these are vectors"):
        batches_of(SwAVConfig(), tiny_net, data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"small_crops": -1},
        {"small_side": -1},
        {"frozen_steps": -1},
        {"small_area": (0.5, 0.4)},
        {"small_area": (0.0, 0.4)},
        {"small_area": (0.5, 1.1)},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SwAVConfig(**wrong)
