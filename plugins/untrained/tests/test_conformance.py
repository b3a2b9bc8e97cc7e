"""The plugin keeps the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_method


@pytest.mark.parametrize("name", ["untrained", "pretrained"])
def test_it_conforms(name: str) -> None:
    check_method(name)
