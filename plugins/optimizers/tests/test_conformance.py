"""The optimizers keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_optimizer


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars"])
def test_optimizers_conform(name: str) -> None:
    check_optimizer(name)
