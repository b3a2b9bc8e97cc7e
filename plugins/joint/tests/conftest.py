"""What the tests of methods of several crops share."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest
import torch
from harness_joint.crops import CropBatch
from torch import Tensor


@pytest.fixture
def in_float64() -> Iterator[None]:
    """Losses go on in float32 otherwise."""
    with mock.patch.object(Tensor, "float", Tensor.double):
        yield


@pytest.fixture
def crops() -> CropBatch:
    """Two large and two small crops of four pictures."""
    generator = torch.Generator().manual_seed(1)
    large = torch.randn(2, 4, 1, 14, 14, generator=generator, dtype=torch.float64)
    return CropBatch(large, torch.randn(2, 4, 1, 7, 7, generator=generator, dtype=torch.float64))
