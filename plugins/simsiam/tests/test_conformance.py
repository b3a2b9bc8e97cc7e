"""SimSiam keeps the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_simsiam_conforms() -> None:
    check_method("simsiam", projection_dim=32, hidden_dim=16)
