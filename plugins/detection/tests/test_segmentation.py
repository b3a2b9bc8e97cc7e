"""Segmentation: its score by hand, its masks, and that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from harness_detection import SegmentationConfig
from harness_detection.boxes import objects
from harness_detection.scenes import split as scenes
from harness_detection.segmentation import IGNORED, Segmentation, miou, score

from harness import Augmentation, Data, Images, ImageShape, Method, NoOptions, Split, Trained, UsageError


def masked(number: int, seed: int) -> Split:
    """The upper half of a picture is bright or dark, the lower one grey; a column of pixels is ignored."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (number,), generator=generator)
    pictures = torch.full((number, 1, 32, 32), 128.0) + 8 * torch.randn(number, 1, 32, 32, generator=generator)
    pictures[:, :, :16] += torch.tensor([100.0, -100])[labels][:, None, None, None]
    mask = torch.zeros(number, 32, 32, dtype=torch.uint8)
    mask[:, :16] = (labels + 1).to(torch.uint8)[:, None, None]
    mask[:, :, 0] = IGNORED
    return Split(pictures.clamp(0, 255).to(torch.uint8), None, ("bright", "dark"), {"mask": mask})


@pytest.fixture(scope="module")
def data() -> Data:
    splits = {"train": masked(24, 0), "test": masked(12, 1)}
    return Data.of(splits, Images.of(splits["train"].samples, Augmentation()), torch.device("cpu"))


def method(data: Data) -> Method:
    torch.manual_seed(0)
    return Method(Conv4(Conv4Config(width=8), ImageShape(1, 28, 28)), NoOptions(), data).eval()


def config(**options: Any) -> SegmentationConfig:
    return SegmentationConfig(**{"steps": 40, "stride": 4, "lr": 0.01, **options})


def test_miou_by_hand() -> None:
    """Class 0: 6 of 6 + 1 + 1; class 1: 2 of 2 + 1 + 1; class 2 neither is nor was found."""
    counts = torch.tensor([[6, 1, 0], [1, 2, 0], [0, 0, 0]])
    assert miou(counts) == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert miou(torch.tensor([[6, 0, 1], [0, 2, 0], [0, 0, 0]])) == pytest.approx((6 / 7 + 1 + 0) / 3)


def test_the_value_is_of_all_pixels_and_not_a_mean_over_pictures() -> None:
    one, other = torch.tensor([[8, 0], [0, 2]]), torch.tensor([[1, 1], [7, 1]])
    made = score(torch.stack([one, other]), "")
    assert made.value == pytest.approx((9 / 17 + 3 / 11) / 2)
    assert made.half_width > 0


@pytest.mark.parametrize("freeze", ["none", "backbone"])
def test_it_learns(data: Data, freeze: Any) -> None:
    learned, still = (
        Segmentation(config(lr=lr, freeze=freeze)).evaluate(Trained(method(data), data))["miou"].value
        for lr in (0.01, 1e-8)
    )
    assert learned > still + 0.3


def test_masks_of_scenes_are_inside_the_boxes_of_their_class() -> None:
    drawing = np.zeros((3, 28, 28), np.uint8)
    drawing[:, 6:22, 8:20] = 255
    made = scenes([drawing, drawing], ("a", "b"), 12, (0, 0))
    for number in range(12):
        found, mask = objects(made, number), made.column("mask")[number]
        expected = torch.zeros_like(mask)
        for label, (left, upper, right, lower) in zip(found.labels.tolist(), found.boxes.int().tolist(), strict=True):
            expected[upper:lower, left:right] = label + 1
        assert torch.equal(mask[mask > 0], expected[mask > 0])
        assert (mask > 0).sum() > 0.9 * (expected > 0).sum()  # a square fills its box, but for smoothed corners


def test_what_has_no_masks_is_refused(data: Data) -> None:
    plain = Data.of({"train": Split(data.train.samples), "test": data.split("test")}, data.modality, data.device)
    with pytest.raises(UsageError, match="'train' has no column 'mask'"):
        Segmentation(config()).check(method(data), plain)
    small = Split(data.train.samples, None, ("bright", "dark"), {"mask": torch.zeros(24, 8, 8, dtype=torch.uint8)})
    other = Data.of({"train": small, "test": data.split("test")}, data.modality, data.device)
    with pytest.raises(UsageError, match="masks of 'train' are not as large"):
        Segmentation(config()).check(method(data), other)
    Segmentation(config()).check(method(data), data)
