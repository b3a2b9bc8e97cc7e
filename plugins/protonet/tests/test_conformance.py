"""The plugin keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_protonet_conforms() -> None:
    check_method("protonet", ways=6)
