"""The backbones keep the contract. ResNet-50 and the small stem share all but depth and size, and take longer."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_backbone


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("conv4", {}),
        ("conv4", {"variant": "stride"}),
        ("resnet18", {"stem": "imagenet"}),
        ("mlp", {}),
        ("mlp", {"width": 8, "depth": 1}),
    ],
)
def test_backbones_conform(name: str, options: dict[str, Any]) -> None:
    check_backbone(name, **options)
