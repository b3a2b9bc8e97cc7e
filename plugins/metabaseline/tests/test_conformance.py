"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_meta_baseline_conforms() -> None:
    check_method("meta_baseline")
