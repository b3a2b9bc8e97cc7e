"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_untrained_conforms() -> None:
    check_method("untrained")
