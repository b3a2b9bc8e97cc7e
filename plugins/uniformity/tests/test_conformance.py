"""Alignment and uniformity keep the contract; the kit's data recommend no augmentation."""

from __future__ import annotations

from harness import Augmentation
from harness.testing import check_evaluator


def test_uniformity_conforms() -> None:
    check_evaluator("uniformity", augment=Augmentation(flip=0.5))
