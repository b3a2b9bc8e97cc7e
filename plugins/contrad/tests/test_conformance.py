"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_contrad_conforms() -> None:
    check_method("contrad", hidden_dim=64, projection_dim=32, width=8)
