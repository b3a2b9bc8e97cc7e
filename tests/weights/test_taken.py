"""Of a file that a backbone starts from, only what is asked for is read and changed; what does not fit is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor

from harness import UsageError
from harness.learning import building, weight_files
from harness.learning.data.splits import Data
from harness.suite.suite import load_suite
from tests.weights.started import (
    QUERY,
    RESNET,
    built,
    cell_of,
    prefixed,
    record,
    same_features,
    small,
    suite_of,
)


def test_tensors_of_no_use_are_not_read(tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    state = prefixed("backbone.", QUERY) | {f"other.{i}": torch.full((10,), float("nan")) for i in range(30)}
    save_file(state, tmp_path / "much.safetensors")
    read: list[str] = []
    real = weight_files.safe_open

    class Watched:
        def __init__(self, *given: Any) -> None:
            self.inner = real(*given)

        def __enter__(self) -> Watched:
            self.inner = self.inner.__enter__()
            return self

        def __exit__(self, *given: Any) -> Any:
            return self.inner.__exit__(*given)

        def get_tensor(self, name: str) -> Tensor:
            read.append(name)
            return self.inner.get_tensor(name)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr(weight_files, "safe_open", Watched)
    assert record(built(cell_of(tmp_path, "much.safetensors"), data))["left_over"] == 30
    assert sorted(read) == sorted(prefixed("backbone.", QUERY))


def test_a_methods_own_start_does_not_depend_on_the_file(tmp_path: Path, data: Data) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    with_file, without = (built(cell_of(tmp_path, each, method="simclr"), data) for each in ("made.pth", "null"))
    ours, others = with_file.state_dict(), without.state_dict()
    heads = [name for name in ours if not name.startswith("backbone.")]
    assert heads
    assert all(torch.equal(ours[name], others[name]) for name in heads)
    assert not torch.equal(ours["backbone.layers.0.0.weight"], others["backbone.layers.0.0.weight"])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_the_networks_and_that_is_said(kind: torch.dtype, tmp_path: Path, data: Data) -> None:
    torch.save(small(1).to(kind).state_dict(), tmp_path / "made.pth")
    cell = cell_of(tmp_path, "made.pth")
    name = str(kind).removeprefix("torch.")
    method = built(cell, data)
    assert record(method)["notes"] == [f"{name} in made.pth became float32"]
    assert method.backbone.layers[0][0].weight.dtype == torch.float32
    assert any(f"{name} in made.pth became float32." in line for line in building.check_cell(cell, [], data, {}))
    same_features(method, small(1).to(kind))


def test_not_strict_takes_what_fits_and_says_how_much(tmp_path: Path, data: Data) -> None:
    state = QUERY.state_dict()
    del state["layers.0.0.weight"]
    state["layers.1.1.weight"] = torch.zeros(9)
    torch.save(state, tmp_path / "part.pth")
    method = built(cell_of(tmp_path, "{file: part.pth, strict: false}"), data)
    said = record(method)
    assert (said["tensors"], said["of_tensors"]) == (18, 20)
    total = sum(each.numel() for each in QUERY.parameters())
    assert said["share_of_parameters"] == pytest.approx(1 - (4 * 3 * 9 + 4) / total)
    (note,) = said["notes"]
    assert note.startswith("18 of 20 tensors, ")
    assert note.endswith("are from part.pth; not layers.0.0.weight, layers.1.1.weight")
    for name, value in method.backbone.state_dict().items():
        fits = name in state and value.shape == state[name].shape
        assert torch.equal(value, state.get(name, torch.zeros(0))) == fits, name
    with pytest.raises(
        UsageError,
        match=r"suite.yaml:4: conv4 .*: .*part.pth cannot be used: 1 of 20 tensors are missing \(layers.0.0.weight\); "
        r"1 of 20 have another shape \(layers.1.1.weight is 9 instead of 4\). The best match has no prefix. "
        r"An option of the backbone or the size of the pictures may change its shapes "
        r"\('harness show' lists the options\)\. "
        r"'strict: false' loads the tensors that fit and leaves the others random",
    ):
        built(cell_of(tmp_path, "part.pth"), data)


@pytest.mark.parametrize("strict", [True, False])
def test_a_deeper_network_is_another(strict: bool, tmp_path: Path, data: Data) -> None:
    """ResNet-34 has every tensor of ResNet-18, in the same shapes."""
    torch.save({"model": prefixed("module.", torchvision.models.resnet34())}, tmp_path / "made.pth")
    cell = cell_of(tmp_path, f"{{file: made.pth, strict: {str(strict).lower()}}}", RESNET)
    if not strict:
        assert record(built(cell, data))["left_over"] > 90
        return
    with pytest.raises(UsageError, match=r"deeper network: it has 80 further tensors .*module.layer1.2.conv1.weight"):
        built(cell, data)


def test_one_message_for_all_methods(tmp_path: Path, data: Data) -> None:
    torch.save({"x": torch.zeros(2)}, tmp_path / "made.pth")
    cells = load_suite(suite_of(tmp_path, "made.pth", method="idle, simclr, protonet")).cells
    messages = set()
    for cell in cells:
        with pytest.raises(UsageError) as caught:
            building.check_cell(cell, [], data, {})
        messages.add(str(caught.value))
    assert len(cells) == 3
    assert len(messages) == 1
