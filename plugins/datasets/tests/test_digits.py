"""scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path

import torch
from harness_datasets.digits import Digits
from sklearn.datasets import load_digits

from harness import NoOptions


def test_digits_are_split_alike_in_every_class_and_always_the_same_way(tmp_path: Path) -> None:
    splits, again = (Digits(NoOptions(), tmp_path).load() for _ in range(2))
    assert {name: len(split) for name, split in splits.items()} == {"train": 1347, "test": 450}
    shares = [len(split.by_class[digit]) / len(split) for digit in range(10) for split in splits.values()]
    assert min(shares) > 0.09
    assert max(shares) < 0.11
    for name, split in splits.items():
        assert torch.equal(split.samples, again[name].samples)
        assert split.samples.shape[1:] == (1, 8, 8)
        assert split.samples.max() == 255


def test_together_they_are_all_digits(tmp_path: Path) -> None:
    splits = Digits(NoOptions(), tmp_path).load()
    digits = sorted(image.numpy().tobytes() for split in splits.values() for image in split.samples)
    whole = (load_digits().images * (255 / 16)).round().astype("uint8")
    assert digits == sorted(image.tobytes() for image in whole)
    assert len(set(digits)) == len(digits)  # so that none is in both splits
