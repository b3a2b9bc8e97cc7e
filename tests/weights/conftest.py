"""Data that the backbones of these tests fit."""

from __future__ import annotations

import pytest

from harness.learning import building
from harness.learning.data.splits import Data
from harness.plugins.registry import registry
from harness.suite.cell import Component
from tests.weights.started import CPU


@pytest.fixture(scope="module")
def data() -> Data:
    spec = registry().get("dataset", "blobs")
    return building.load_data(Component(spec, spec.config(per_class=8), "blobs"), CPU)
