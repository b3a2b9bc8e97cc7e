"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_supervised_conforms() -> None:
    check_method("supervised")
