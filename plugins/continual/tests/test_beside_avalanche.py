"""The metrics of a stream equal avalanche's on a stream that avalanche trained (perf/beside_avalanche.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_continual import measures
from torch import Tensor

RESULTS = Path(__file__).parents[3] / "perf" / "results" / "beside-avalanche.json"


@pytest.fixture(scope="module")
def found() -> Any:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def accuracies(found: Any) -> Tensor:
    return torch.tensor(found["after"], dtype=torch.float64)[None]


@pytest.mark.parametrize("name", ["final", "backward"])
def test_accuracy_and_backward_transfer(found: Any, name: str) -> None:
    assert getattr(measures, name)(accuracies(found)).item() == pytest.approx(found["theirs"][name], abs=1e-12)


def test_forgetting(found: Any) -> None:
    """Avalanche's is relative to the accuracy just after a task, which on this stream was the highest for each task."""
    stream = accuracies(found)
    assert torch.equal(stream[0, :-1].amax(0)[:-1], stream[0].diagonal()[:-1])
    assert measures.forgetting(stream).item() == pytest.approx(found["theirs"]["forgetting"], abs=1e-12)
    assert found["theirs"]["forgetting"] > 0.1


def test_forward_transfer(found: Any) -> None:
    """Avalanche's is relative to the network before the first task, ours to chance."""
    untrained = sum(found["before"][1:]) / (len(found["before"]) - 1)
    ours = measures.forward(accuracies(found), untrained).item()
    assert ours == pytest.approx(found["theirs"]["forward"], abs=1e-12)
