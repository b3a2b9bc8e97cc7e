"""What MAML and ANIL refuse, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from harness_maml import MAMLConfig
from harness_maml.maml import MAML
from torch import Tensor, nn

from harness import Data, UsageError
from harness.learning.building import check_cell
from harness.plugins.registry import registry
from harness.suite.budget import Budget
from harness.suite.cell import Cell, Component


def test_a_batch_norm_that_does_more_is_refused(gratings: Data) -> None:
    class Other(nn.BatchNorm2d):
        pass

    backbone = nn.Sequential(Other(1), nn.Flatten())
    backbone.feature_dim = 81  # type: ignore[assignment]  # a backbone's attribute
    with pytest.raises(UsageError, match="Other"):
        MAML(backbone, MAMLConfig(), gratings)


@pytest.mark.parametrize("values", [{"ways": 1}, {"shots": 0}, {"inner_lr": 0.0}, {"test_steps": 0}])
def test_impossible_options_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        MAMLConfig(**values)


@pytest.mark.parametrize("name", ["maml", "anil"])
def test_compiling_is_refused_with_the_place_in_the_suite(name: str, gratings: Data) -> None:
    known = registry()
    method = Component(known.get("method", name), known.get("method", name).config(), name, "suite.yaml:3")
    backbone = Component(known.get("backbone", "conv4"), known.get("backbone", "conv4").config(), "conv4")
    dataset = Component(known.get("dataset", "digits"), known.get("dataset", "digits").config(), "digits")
    cell = Cell("s", method, backbone, dataset, 0, Budget(steps=1, compile=True), harness="0")
    with pytest.raises(UsageError, match=rf"suite.yaml:3: {name} cannot be compiled"):
        check_cell(cell, [], gratings, {})


class Choosing(nn.Module):
    """Looks at its inputs to choose its way, as transformers do of what is padding."""

    feature_dim = 1

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))[:, None] if (images > 0).any() else images.sum((1, 2, 3))[:, None]


def test_a_network_that_vmap_cannot_take_is_refused_before_it_trains(gratings: Data) -> None:
    with pytest.raises(UsageError, match="engine vmap cannot take the backbone Choosing: set engine to functional"):
        MAML(Choosing(), MAMLConfig(engine="vmap"), gratings)
    MAML(Choosing(), MAMLConfig(engine="functional"), gratings)
