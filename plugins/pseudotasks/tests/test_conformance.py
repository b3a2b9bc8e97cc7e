"""The methods keep the contract. The kit's data are smaller than PsCo's queue by default, and its time short."""

from __future__ import annotations

from harness import Augmentation
from harness.testing import check_method


def test_protoclr_conforms() -> None:
    check_method("protoclr")


def test_umtra_conforms() -> None:
    """Of six classes, five random images nearly always clash; views that hardly move are found by their phase."""
    moved = Augmentation(translate=0.35)
    check_method("umtra", ways=3, queries=4, inner_lr=0.4, engine="functional", augment=moved)


def test_psco_conforms() -> None:
    check_method("psco", queue_size=256, hidden_dim=512, momentum=0.9)
