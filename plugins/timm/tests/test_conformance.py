"""Models of several families keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_backbone


@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_timm_conforms(model: str) -> None:
    check_backbone("timm", model=model)
