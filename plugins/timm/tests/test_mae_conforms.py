"""MAE keeps the contract, on a small vision transformer."""

from __future__ import annotations

from harness.testing import check_method


def test_mae_conforms() -> None:
    backbone = {"use": "timm", "model": "test_vit", "patch_size": 3}
    check_method("mae", backbone=backbone, decoder_dim=32, decoder_heads=2, decoder_depth=1)
