"""All methods keep the contract, and learn by their own recipes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_method

SMALL: dict[str, dict[str, Any]] = {
    "matching_networks": {"queries": 5},
    "relation_networks": {"queries": 5},
    "r2d2": {"queries": 5},
    "metaoptnet": {"queries": 5},
    "reptile": {"shots": 4, "queries": 1, "tasks": 2, "inner_lr": 0.01, "inner_steps": 3, "test_steps": 3},
    "meta_sgd": {"queries": 5, "tasks": 2, "inner_lr": 1.0},
    "meta_curvature": {"queries": 5, "tasks": 2, "inner_lr": 0.4},
    "baseline": {},
    "baseline_pp": {},
}


@pytest.mark.parametrize("name", SMALL)
def test_each_method_conforms(name: str) -> None:
    check_method(name, **SMALL[name])
