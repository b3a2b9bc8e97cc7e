"""`pretrained` is for weights, `untrained` for none; the other case is one message, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4

from harness import UsageError, load_suite
from harness.learning import building
from harness.learning.data.splits import Data
from harness.plugins.registry import registry
from harness.suite.cell import Cell, Component

SUITE = """\
name: starts
matrix:
  method: [{method}]
  backbone: [{backbone}]
  dataset: [digits]
budget: {{steps: 1, batch_size: 8}}
evaluators: {{knn: {{}}}}
"""


@pytest.fixture(scope="module")
def data() -> Data:
    spec = registry().get("dataset", "digits")
    return building.load_data(Component(spec, spec.config(), "digits"), torch.device("cpu"))


def cell(folder: Path, method: str, backbone: str) -> Cell:
    (folder / "suite.yaml").write_text(SUITE.format(method=method, backbone=backbone))
    torch.save(Conv4(Conv4Config(), (1, 8, 8)).state_dict(), folder / "conv4.pth")
    return next(each for each in load_suite(folder / "suite.yaml").cells if each.scored)


FROM_CELL = "{{use: {}, start: {{method: {}, budget: {{steps: 2}}}}}}, simclr"


@pytest.mark.parametrize(
    ("method", "backbone", "says"),
    [
        ("pretrained", "conv4", r"suite.yaml:4: pretrained on digits with conv4: .* random weights.*'weights: FILE'"),
        (
            "untrained",
            "{use: conv4, weights: conv4.pth}",
            r"suite.yaml:4: .* starts from conv4.pth.*'pretrained' scores",
        ),
        (FROM_CELL.format("untrained", "simclr"), "conv4", r"starts from the cell 'simclr .*'pretrained' scores"),
    ],
)
def test_what_is_for_the_other_is_refused(method: str, backbone: str, says: str, tmp_path: Path, data: Data) -> None:
    with pytest.raises(UsageError, match=says):
        building.check_cell(cell(tmp_path, method, backbone), [], data, {})


@pytest.mark.parametrize(
    ("method", "backbone"),
    [
        ("untrained", "conv4"),
        ("pretrained", "{use: conv4, weights: conv4.pth}"),
        (FROM_CELL.format("pretrained", "simclr"), "conv4"),
    ],
)
def test_what_is_its_own_is_taken(method: str, backbone: str, tmp_path: Path, data: Data) -> None:
    assert building.check_cell(cell(tmp_path, method, backbone), [], data, {}) == []
