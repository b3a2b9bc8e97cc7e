"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_simclr_conforms() -> None:
    check_method("simclr")
