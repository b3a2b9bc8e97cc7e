"""The executor keeps the contract."""

from __future__ import annotations

from harness.testing import check_executor


def test_local_conforms() -> None:
    check_executor("local")
