"""Both versions keep the contract; the kit's data are smaller than the queue by default, and its time short."""

from __future__ import annotations

from harness.testing import check_method


def test_moco_conforms() -> None:
    check_method("moco", queue_size=256)


def test_moco_v3_conforms() -> None:
    check_method("moco_v3", hidden_dim=512, momentum=0.9)
