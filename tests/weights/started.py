"""Backbones that start from files, and networks that the files are made of; for tests of such starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from torch import Tensor, nn

from harness import Method
from harness.learning import building
from harness.learning.data.splits import Data
from harness.suite.cell import Cell
from harness.suite.suite import load_suite

CPU = torch.device("cpu")
SMALL = "use: conv4, width: 4"
RESNET = "use: resnet18, stem: imagenet"
State = dict[str, Tensor]


def suite_of(folder: Path, weights: str, backbone: str = SMALL, method: str = "idle") -> Path:
    path = folder / "suite.yaml"
    path.write_text(
        f"name: started\nmatrix:\n  method: [{method}]\n  backbone: [{{{backbone}, weights: {weights}}}]\n"
        "  dataset: [{use: blobs, per_class: 8}]\nbudget: {steps: 2, batch_size: 8}\nevaluators: {nearest: {}}\n"
    )
    return path


def cell_of(folder: Path, weights: str, backbone: str = SMALL, method: str = "idle") -> Cell:
    (cell,) = load_suite(suite_of(folder, weights, backbone, method)).cells
    return cell


def built(cell: Cell, data: Data) -> Method:
    return building.build(cell, data).method.eval()


@torch.no_grad()
def same_features(method: Method, network: nn.Module, side: int = 4) -> None:
    """In double precision, so that no layout of memory matters."""
    images = torch.randn(3, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = network.double().eval()(images).flatten(1)
    torch.testing.assert_close(method.double().encode(images), expected, rtol=0, atol=1e-6)
    assert expected.std() > 1e-3


def awake(network: nn.Module, seed: int = 1) -> nn.Module:
    """Other weights than any initialisation, in batch norms too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.mul_(1 + 0.2 * torch.rand(value.shape, generator=generator))
                value.add_(0.01 * torch.randn(value.shape, generator=generator))
    return network


def small(seed: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return awake(Conv4(Conv4Config(width=4), (3, 4, 4)), seed)


def prefixed(prefix: str, network: nn.Module) -> State:
    return {prefix + name: value for name, value in network.state_dict().items()}


def headless(network: Any) -> nn.Module:
    network.fc = nn.Identity()
    return network


def record(method: Method) -> dict[str, Any]:
    assert method.started_from is not None
    return dict(method.started_from)


QUERY, KEY = small(1), small(2)
