"""Batched augmentation against torchvision's per-image result with the same parameters."""

from __future__ import annotations

import colorsys
import itertools
from functools import partial

import pytest
import torch
import torchvision.transforms.v2.functional as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import RandomResizedCrop

from harness import Augmentation
from harness.learning.data import colour, transforms
from harness.learning.data.draw import Draw
from harness.learning.data.geometry import affine, crop_resize, resize_matrix
from harness.learning.data.transforms import augment, augment_with, boxes, shakes

IMAGES = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
FACTORS = torch.tensor([0.0, 0.4, 0.9, 1.0, 1.3, 1.8])
SHIFTS = torch.tensor([-0.5, -0.2, 0.0, 0.05, 0.3, 0.5])


def per_image(function, amounts: torch.Tensor) -> torch.Tensor:
    return torch.stack([function(image, float(amount)) for image, amount in zip(IMAGES, amounts, strict=True)])


CHANGES = {
    "brightness": reference.adjust_brightness,
    "contrast": reference.adjust_contrast,
    "saturation": reference.adjust_saturation,
    "hue": reference.adjust_hue,
}


@pytest.mark.parametrize("name", CHANGES)
def test_colour(name: str) -> None:
    amounts = SHIFTS if name == "hue" else FACTORS
    only = torch.full((len(IMAGES), 1), list(CHANGES).index(name))
    ours = transforms.jitter(IMAGES.clone(), [amounts] * 4, only)
    torch.testing.assert_close(ours, per_image(CHANGES[name], amounts), atol=1e-5, rtol=0)


def test_hue_of_colours_whose_channels_tie() -> None:
    """Grey, black, white, and colours with two greatest or two least channels, beside the standard library."""
    levels = (0.0, 0.25, 0.6, 1.0)
    colours = list(itertools.product(levels, repeat=3))
    pixels = torch.tensor(colours).T[None, :, :, None].expand(len(SHIFTS), -1, -1, -1)
    turned = colour.hue(pixels, SHIFTS[:, None, None, None])[..., 0].mT
    for shift, ours in zip(SHIFTS.tolist(), turned, strict=True):
        hsv = [colorsys.rgb_to_hsv(*each) for each in colours]
        expected = torch.tensor([colorsys.hsv_to_rgb((hue + shift) % 1, *others) for hue, *others in hsv])
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_grey_and_blur() -> None:
    torch.testing.assert_close(colour.luminance(IMAGES), reference.rgb_to_grayscale(IMAGES), atol=1e-5, rtol=0)
    sigmas = torch.tensor([0.1, 0.5, 1.0, 1.5, 2.0, 0.3])
    expected = per_image(lambda image, sigma: reference.gaussian_blur(image, [3, 3], [sigma, sigma]), sigmas)
    torch.testing.assert_close(colour.blur(IMAGES, sigmas), expected, atol=1e-5, rtol=0)


BOXES = torch.tensor([[0, 0, 24, 24], [0, 0, 12, 12], [3, 7, 5, 17], [23, 0, 1, 24], [10, 9, 14, 3], [1, 2, 20, 21]])
MIRRORED = torch.tensor([True, False, True, False, True, False])


def test_crop_and_flip() -> None:
    expected = torch.stack(
        [
            reference.resized_crop(image, *box.tolist(), size=[24, 24], antialias=True)
            for image, box in zip(IMAGES, BOXES, strict=True)
        ]
    )
    torch.testing.assert_close(crop_resize(IMAGES, BOXES), expected, atol=1e-5, rtol=0)
    expected[MIRRORED] = reference.horizontal_flip(expected[MIRRORED])
    torch.testing.assert_close(crop_resize(IMAGES, BOXES, MIRRORED), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [1, 9, 40])
def test_crops_of_another_size(side: int) -> None:
    expected = torch.stack(
        [
            reference.resized_crop(image, *box.tolist(), size=[side, side], antialias=True)
            for image, box in zip(IMAGES, BOXES, strict=True)
        ]
    )
    torch.testing.assert_close(crop_resize(IMAGES, BOXES, side=side), expected, atol=1e-5, rtol=0)
    whole = reference.resize(IMAGES, [side, side], antialias=True)
    made = augment_with(Draw(len(IMAGES), torch.Generator()), IMAGES, Augmentation(), side)
    torch.testing.assert_close(made, whole, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), size=st.integers(1, 40), whole=st.integers(1, 60))
def test_resizing_equals_torchvisions_at_any_size(data: st.DataObject, size: int, whole: int) -> None:
    """One axis, also reduced: the weights are those of an antialiased resize of the cut."""
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    line = torch.rand(1, 1, size, generator=torch.Generator().manual_seed(whole))
    ours = line @ resize_matrix(torch.tensor([start]), torch.tensor([length]), size).mT
    theirs = reference.resize(line[:, :, start : start + length], [1, size], antialias=True)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(24, 24), (20, 31)])
def test_small_affine(size: tuple[int, int]) -> None:
    images = torch.rand(5, 3, *size, generator=torch.Generator().manual_seed(1))
    angles = torch.tensor([0.0, 20.0, -33.0, 5.0, 90.0])
    shifts = torch.tensor([[0.0, 0.0], [2.0, -3.0], [0.0, 5.0], [-4.0, 1.0], [1.0, 1.0]])
    zooms = torch.tensor([1.0, 1.25, 0.8, 1.1, 1.0])
    shears = torch.tensor([0.0, 8.0, -12.0, 30.0, 3.0])
    parameters = zip(images, angles, shifts, zooms, shears, strict=True)
    expected = [
        reference.affine(
            image,
            float(angle),
            shift.tolist(),
            float(zoom),
            [float(shear), 0.0],
            interpolation=reference.InterpolationMode.BILINEAR,
        )
        for image, angle, shift, zoom, shear in parameters
    ]
    ours = affine(images, angles.deg2rad(), shifts, zooms, shears.deg2rad())
    torch.testing.assert_close(ours, torch.stack(expected), atol=1e-5, rtol=0)


def test_solarise() -> None:
    expected = torch.stack([reference.solarize(image, 0.5) for image in IMAGES])
    torch.testing.assert_close(colour.solarise(IMAGES), expected, atol=1e-5, rtol=0)


def test_jitter_is_its_four_changes_one_after_the_other_in_each_samples_order() -> None:
    amounts, orders = shakes(Draw(6, torch.Generator().manual_seed(3)), 0.5, 3)
    ours = transforms.jitter(IMAGES.clone(), amounts, orders)
    changes = list(CHANGES.values())
    for number, image in enumerate(IMAGES):
        for change in orders[number].tolist():
            image = changes[change](image, float(amounts[change][number]))  # noqa: PLW2901 (step by step)
        torch.testing.assert_close(ours[number], image, atol=1e-5, rtol=0)


def test_views_may_be_differentiated_by_their_pixels() -> None:
    """As a generator of pictures needs it. The values keep away from the kinks of clamping and of the hue's sectors."""
    strength = Augmentation(crop=(0.5, 1.0), flip=0.5, jitter=0.2, gray=0.3)
    drawn = torch.Generator().manual_seed(5)
    pixels = 0.35 + 0.3 * torch.rand(4, 3, 3, 3, generator=drawn, dtype=torch.float64)

    def views(pixels: torch.Tensor) -> torch.Tensor:
        return augment(pixels.float(), strength, torch.Generator().manual_seed(0)).double()

    pixels.requires_grad_()
    assert torch.autograd.gradcheck(views, pixels, eps=1e-3, atol=2e-2, rtol=0)


def test_crops_are_drawn_as_torchvision_draws_them() -> None:
    """Shares and aspects of 4,000 boxes have the quantiles of torchvision's."""
    generator = torch.Generator().manual_seed(0)
    ours = boxes(Draw(4000, generator), (0.08, 1.0), 40, 50)
    assert bool((ours[:, :2] >= 0).all())
    assert bool((ours[:, 0] + ours[:, 2] <= 40).all())
    assert bool((ours[:, 1] + ours[:, 3] <= 50).all())
    torch.manual_seed(0)
    crop = RandomResizedCrop(10, (0.08, 1.0))
    theirs = torch.tensor([list(crop.make_params([torch.zeros(1, 40, 50)]).values())[:4] for _ in range(4000)])
    levels = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    for column in range(4):
        expected, drawn = (part[:, column].float().quantile(levels) for part in (theirs, ours))
        assert (expected - drawn).abs().max() <= 2, (column, expected, drawn)


@pytest.mark.parametrize("everything", [False, True, None])
def test_what_is_not_chosen_stays_and_all_ways_of_choosing_agree(everything: bool | None) -> None:
    """A change may overwrite the images that it is given, as jitter does."""
    chosen = torch.tensor([True, False, False, True, True, False])
    expected = torch.where(chosen[:, None, None, None], IMAGES * torch.arange(6)[:, None, None, None], IMAGES)
    for times in (torch.Tensor.mul, torch.Tensor.mul_):
        changed = transforms.some(
            IMAGES.clone(), chosen, lambda part, rows, times=times: times(part, rows[:, None, None, None]), everything
        )
        assert torch.equal(changed, expected)


def test_as_on_a_gpu_what_is_not_jittered_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, parameters are drawn for all images, and a change is applied to all."""
    monkeypatch.setattr(transforms, "some", partial(transforms.some, everything=True))
    monkeypatch.setattr(Draw, "of", lambda draw, _: draw)
    images = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    chosen = Draw(64, torch.Generator().manual_seed(0)).chances(0.8)
    seen = augment(images, Augmentation(jitter=1.0), torch.Generator().manual_seed(0))
    assert torch.equal((seen != images).flatten(1).any(1), chosen)
    assert not chosen.all()


@pytest.mark.parametrize("name", ["flip", "gray", "blur", "solarise", "jitter"])
def test_nothing_chosen_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As happens to small batches; pictures need not be square."""
    monkeypatch.setattr(Draw, "chances", lambda draw, _: torch.zeros(draw.number, dtype=torch.bool))
    images = torch.rand(2, 3, 24, 31)
    assert torch.equal(augment(images, Augmentation(**{name: 0.5}), torch.Generator().manual_seed(0)), images)


def test_augmenting_leaves_the_pixels_alone() -> None:
    """Two views of one batch are made of the same pixels."""
    for strength in (Augmentation(jitter=1.0, gray=0.5, blur=0.5, solarise=0.5), Augmentation(crop=(0.5, 1.0))):
        pixels = IMAGES.clone()
        assert not torch.equal(augment(pixels, strength, torch.Generator().manual_seed(0)), IMAGES)
        assert torch.equal(pixels, IMAGES)


def test_flips_mirror_about_half_of_the_images() -> None:
    images = torch.rand(4000, 1, 4, 4)
    flipped = augment(images, Augmentation(flip=0.3), torch.Generator().manual_seed(0))
    mirrored = (flipped - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    same = (flipped - images).abs().amax((1, 2, 3)) < 1e-5
    assert bool((mirrored | same).all())
    assert abs(float(mirrored.float().mean()) - 0.3) < 0.03


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_at_once_keeps_shape_and_range_and_differs_by_sample(channels: int) -> None:
    strength = Augmentation(
        crop=(0.2, 1.0),
        flip=0.5,
        jitter=1.0,
        gray=0.2,
        blur=0.5,
        solarise=0.2,
        rotate=30.0,
        translate=0.2,
        scale=(0.7, 1.3),
        shear=10.0,
    )
    images = torch.rand(1, channels, 32, 32).expand(64, -1, -1, -1)
    views = augment(images, strength, torch.Generator().manual_seed(0))
    assert views.shape == images.shape
    assert float(views.min()) >= -1e-6
    assert float(views.max()) <= 1 + 1e-6
    assert len(views.flatten(1).unique(dim=0)) == 64


def test_jitter_orders_are_each_samples_own() -> None:
    orders = Draw(2000, torch.Generator().manual_seed(0)).orders(3)
    counts = torch.bincount((orders * torch.tensor([9, 3, 1])).sum(1))
    assert len(counts.nonzero()) == 6  # all 3! orders
    assert float(counts[counts > 0].float().min()) > 2000 / 6 * 0.75
