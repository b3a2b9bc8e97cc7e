"""All methods keep the contract, and learn by their own recipes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_method

SMALL: dict[str, dict[str, Any]] = {
    "byol": {"hidden_dim": 512, "momentum": 0.97},
    "barlow_twins": {"projection_dim": 128},
    "vicreg": {"projection_dim": 64},
    "nnclr": {"hidden_dim": 256, "predictor_dim": 256, "queue_size": 512},
    "dcl": {"projection_dim": 32},
    "dclw": {"projection_dim": 32},
    "supcon": {"projection_dim": 32},
    "lejepa": {"projection_dim": 16, "hidden_dim": 64, "slices": 64},
    "swav": {
        **{"prototypes": 64, "projection_dim": 32, "hidden_dim": 128, "temperature": 0.2, "entropy": 0.03},
        **{"queue_size": 128, "small_crops": 1, "small_side": 6, "small_area": (0.3, 0.6)},
    },
    "dino": {
        **{"prototypes": 256, "hidden_dim": 128, "bottleneck_dim": 64, "batch_norm": True, "momentum": 0.9},
        **{"small_crops": 1, "small_side": 6, "small_area": (0.3, 0.6)},
    },
}


@pytest.mark.parametrize("name", SMALL)
def test_each_method_conforms(name: str) -> None:
    check_method(name, **SMALL[name])
