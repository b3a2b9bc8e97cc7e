"""A backbone that starts from a file computes what the network computed that the file was made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from safetensors.torch import load_model, save_file, save_model
from torch import Tensor, nn

from harness import Method, UsageError
from harness.learning import building, weight_files
from harness.learning.data.splits import Data
from harness.plugins.published import START, Published, facts
from harness.plugins.registry import registry
from harness.suite.cell import Cell, Component
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile, dump
from harness.suite.suite import load_suite
from tests import pages
from tests.conftest import Harness

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


@pytest.fixture(scope="module")
def data() -> Data:
    spec = registry().get("dataset", "blobs")
    return building.load_data(Component(spec, spec.config(per_class=8), "blobs"), CPU)


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


# What the scripts of the field write.


def test_torchvisions_state_dict(tmp_path: Path, data: Data) -> None:
    network = awake(torchvision.models.resnet18())
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    method = built(cell_of(tmp_path, "resnet18.pth", RESNET), data)
    same_features(method, headless(network), 64)
    said = record(method)
    assert (said["tensors"], said["of_tensors"], said["share_of_parameters"], said["notes"]) == (100, 100, 1.0, [])
    assert (said["left_over"], said["left_over_first"]) == (2, ["fc.weight", "fc.bias"])


def test_lightlys_example_saved_by_lightning(tmp_path: Path, data: Data) -> None:
    """Its backbone is a Sequential of the network's children, beside a projection head."""
    network = awake(torchvision.models.resnet18())
    backbone = nn.Sequential(*list(network.children())[:-1])
    head = nn.Sequential(nn.Linear(512, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4, bias=False))
    state = {**prefixed("backbone.", backbone), **prefixed("projection_head.layers.", head)}
    whole = {"epoch": 3, "global_step": 9, "pytorch-lightning_version": "2.5.0", "state_dict": state}
    whole |= {"hyper_parameters": {}, "loops": {"fit_loop": {}}, "optimizer_states": [{"state": {}}], "callbacks": {}}
    torch.save(whole, tmp_path / "last.ckpt")
    method = built(cell_of(tmp_path, "last.ckpt", RESNET), data)
    same_features(method, backbone, 64)
    assert (record(method)["key"], record(method)["prefix"]) == ("state_dict", "backbone.")


class LightlyBlock(nn.Module):
    """As lightly's own ResNet names its parts: a shortcut instead of torchvision's downsample."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = block.conv1, block.bn1, block.conv2, block.bn2
        self.shortcut = block.downsample or nn.Sequential()

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(inner + self.shortcut(maps))


def test_lightlys_network_for_small_images(tmp_path: Path, data: Data) -> None:
    network = torchvision.models.resnet18()
    network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    awake(network)
    layers = [nn.Sequential(*map(LightlyBlock, getattr(network, f"layer{i}"))) for i in (1, 2, 3, 4)]
    children = nn.Sequential(network.conv1, network.bn1, *layers, nn.AdaptiveAvgPool2d(1))
    torch.save({"state_dict": prefixed("model.backbone.", children)}, tmp_path / "cifar.ckpt")
    method = built(cell_of(tmp_path, "cifar.ckpt", "use: resnet18"), data)
    # between the first norm and the blocks is a ReLU, which lightly's forward calls itself
    same_features(method, nn.Sequential(children[0], children[1], nn.ReLU(), *children[2:]), 32)


def test_timms_resnet18(tmp_path: Path, data: Data) -> None:
    network = awake(timm.create_model("resnet18", pretrained=False))
    torch.save({"arch": "resnet18", "state_dict": network.state_dict(), "epoch": 1}, tmp_path / "timm.pth.tar")
    method = built(cell_of(tmp_path, "timm.pth.tar", "use: timm, model: resnet18"), data)
    same_features(method, headless(network), 64)


PROJECTOR = nn.Linear(3, 3)
QUERY, KEY = small(1), small(2)
LAYOUTS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "MoCo v2": (
        lambda: {
            "epoch": 200,
            "arch": "conv4",
            "state_dict": prefixed("module.encoder_k.", KEY) | prefixed("module.encoder_q.", QUERY),
        },
        "state_dict",
        "module.encoder_q.",
    ),
    "MoCo v3": (
        lambda: {"state_dict": prefixed("module.momentum_encoder.", KEY) | prefixed("module.base_encoder.", QUERY)},
        "state_dict",
        "module.base_encoder.",
    ),
    "DINO": (
        lambda: {
            "student": prefixed("module.backbone.", KEY) | prefixed("module.head.", PROJECTOR),
            "teacher": prefixed("backbone.", QUERY),
            "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]},
        },
        "teacher",
        "backbone.",
    ),
    "solo-learn": (
        lambda: {
            "state_dict": prefixed("momentum_backbone.", KEY)
            | prefixed("backbone.", QUERY)
            | prefixed("projector.", PROJECTOR),
            "hyper_parameters": {"name": "byol"},
        },
        "state_dict",
        "backbone.",
    ),
    "lightly's MoCo": (
        lambda: {"state_dict": prefixed("backbone_momentum.", KEY) | prefixed("backbone.", QUERY)},
        "state_dict",
        "backbone.",
    ),
    "timm's average": (
        lambda: {"state_dict": KEY.state_dict(), "state_dict_ema": QUERY.state_dict()},
        "state_dict_ema",
        "",
    ),
    "VISSL": (
        lambda: {
            "classy_state_dict": {
                "base_model": {
                    "model": {"trunk": prefixed("_feature_blocks.", QUERY), "heads": prefixed("0.", PROJECTOR)}
                }
            }
        },
        "classy_state_dict.base_model.model.trunk",
        "_feature_blocks.",
    ),
    "a compiled network in DDP": (lambda: prefixed("module._orig_mod.", QUERY), "", "module."),
    "compiled layers": (
        lambda: {name.replace("layers.0.", "layers.0._orig_mod."): each for name, each in QUERY.state_dict().items()},
        "",
        "",
    ),
    "batch norms that do not count": (
        lambda: {"model": {n: each for n, each in QUERY.state_dict().items() if not n.endswith("num_batches_tracked")}},
        "model",
        "",
    ),
    "the same network twice": (
        lambda: prefixed("backbone.", QUERY) | prefixed("model.backbone.", QUERY),
        "",
        "backbone.",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("old", [False, True], ids=["zip", "pickle"])
def test_key_and_prefix_are_found(name: str, old: bool, tmp_path: Path, data: Data) -> None:
    made, key, prefix = LAYOUTS[name]
    torch.save(made(), tmp_path / "made.pth", _use_new_zipfile_serialization=not old)
    method = built(cell_of(tmp_path, "made.pth"), data)
    same_features(method, small(1))
    assert (record(method)["key"], record(method)["prefix"]) == (key, prefix)
    two = any(torch.equal(each, KEY.state_dict()["layers.0.0.weight"]) for each in flat(made()))
    assert [note for note in record(method)["notes"] if "several networks" in note] == record(method)["notes"]
    assert bool(record(method)["notes"]) == two


def flat(value: Any) -> list[Tensor]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in flat(inner)]
    return [value] if isinstance(value, Tensor) and value.shape == (4, 3, 3, 3) else []


def test_key_and_prefix_may_be_given(tmp_path: Path, data: Data) -> None:
    torch.save({"a.b": {"c": prefixed("one.", QUERY) | prefixed("two.", KEY)}}, tmp_path / "made.pth")
    same_features(built(cell_of(tmp_path, "{file: made.pth, key: a.b.c, prefix: two.}"), data), small(2))
    with pytest.raises(UsageError, match=r"several places: key 'a.b.c', prefix 'one.'; key 'a.b.c', prefix 'two.'"):
        built(cell_of(tmp_path, "made.pth"), data)
    with pytest.raises(UsageError, match=r"no tensors at the key 'a.b.d'. Did you mean 'a.b.c'?"):
        built(cell_of(tmp_path, "{file: made.pth, key: a.b.d}"), data)
    with pytest.raises(UsageError, match=r"prefix 'tow.' it has none .* The best match has key 'a.b.c', prefix 'one.'"):
        built(cell_of(tmp_path, "{file: made.pth, prefix: tow.}"), data)


# What harness itself writes.


@pytest.mark.parametrize(
    "name", ["moco", "moco_v3", "simclr", "simsiam", "byol", "vicreg", "supcon", "protonet", "supervised", "maml"]
)
def test_the_model_of_a_cell_of_each_method(name: str, tmp_path: Path, data: Data) -> None:
    entry = f"{{use: {name}, queue_size: 16}}" if name == "moco" else name
    trained = built(cell_of(tmp_path, "null", method=entry), data)
    awake(trained.backbone)
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "cell.json").write_text("{}")
    save_model(trained, str(tmp_path / "cell" / "model.safetensors"), metadata={"cell": "0" * 16})
    method = built(cell_of(tmp_path, "cell"), data)
    assert record(method)["prefix"] == "backbone."
    same_features(method, trained.backbone)


def test_a_run_starts_from_a_cell_and_its_record_says_so(harness: Harness, tmp_path: Path, data: Data) -> None:
    """And from half of a file of half precision, which is said before anything trains and with the leaderboard."""
    first = suite_of(tmp_path, "null", method="classify")
    harness("run", first, "--results", "first", "--device", "cpu")
    (folder,) = (tmp_path / "first" / "cells").iterdir()
    half = {name: value.half() for name, value in QUERY.state_dict().items() if not name.startswith("layers.0")}
    torch.save(half, tmp_path / "half.pth")
    listed = f"[first/cells/{folder.name}, {{file: half.pth, strict: false}}]"
    done = harness("run", suite_of(tmp_path, listed, method="pretrained"), "--results", "second", "--device", "cpu")
    assert "2 of 2 cells done" in done.stdout
    warned = " ".join(done.stdout.split())
    assert "suite.yaml:4: conv4 (width=4, weights=half.pth): 15 of 20 tensors, 79.7 % of the parameters" in warned
    records = [
        [json.loads((started / f"{name}.json").read_text()) for name in ("training", "cell")]
        for started in (tmp_path / "second" / "cells").iterdir()
    ]
    (training, cell), (partly, _) = sorted(records, key=lambda each: each[0]["weights"]["file"], reverse=True)
    assert (training["weights"]["file"], training["weights"]["prefix"]) == ("model.safetensors", "backbone.")
    assert training["weights"]["digest"] == cell["backbone"]["weights"]["digest"]
    assert cell["backbone"]["weights_file"].endswith(f"{folder.name}/model.safetensors")
    assert partly["weights"]["tensors"] == 15
    board = harness("leaderboard", "second", "--format", "markdown").stdout
    assert f"weights.digest={cell['backbone']['weights']['digest'][:8]}" in board
    for note in partly["weights"]["notes"]:
        assert f"- conv4 (width=4, weights=half.pth): {note}." in board
    trained = built(cell_of(tmp_path, "null", method="classify"), data)
    load_model(trained, folder / "model.safetensors")
    same_features(built(cell_of(tmp_path, f"first/cells/{folder.name}"), data), trained.backbone)


def test_names_that_share_a_tensor_are_found_in_what_safetensors_leaves_out(tmp_path: Path, data: Data) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a_view = small(1).layers[0]
            self.backbone = small(2)
            self.backbone.layers[0] = self.a_view

    whole = Both()
    save_model(whole, str(tmp_path / "both.safetensors"))
    same_features(built(cell_of(tmp_path, "both.safetensors"), data), whole.backbone)


# Only what is asked for is read and changed.


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


# Ids and plans.


def test_a_suite_with_weights_is_read_without_torch(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    path = suite_of(tmp_path, "made.pth")
    code = "import sys; from harness import load_suite; load_suite(sys.argv[1]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, path], check=True)


def test_published_results_are_not_of_cells_that_start_from_a_file(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    started, plain = (cell_of(tmp_path, each).as_json() for each in ("made.pth", "null"))
    digest = started["backbone"]["weights"]["digest"]
    usual, stated = (Published({"backbone": "conv4", **more}, 0.9, "a paper") for more in ({}, {START: digest}))
    assert [each.matches(facts(plain, {}), "accuracy") for each in (usual, stated)] == [True, False]
    assert [each.matches(facts(started, {}), "accuracy") for each in (usual, stated)] == [False, True]


def test_the_id_knows_the_content_and_what_is_taken_and_not_the_path(tmp_path: Path) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "one.pth")
    (tmp_path / "two.pth").write_bytes((tmp_path / "one.pth").read_bytes())
    torch.save(KEY.state_dict(), tmp_path / "other.pth")
    plain = suite_of(tmp_path, "null")
    plain.write_text(plain.read_text().replace(", weights: null", ""))
    (without,) = load_suite(plain).cells
    assert "weights" not in without.backbone.identity
    assert without.id == cell_of(tmp_path, "null").id
    one = cell_of(tmp_path, "one.pth").id
    assert one == cell_of(tmp_path, "two.pth").id == cell_of(tmp_path, "{file: two.pth, strict: true}").id
    weights = cell_of(tmp_path, "{file: one.pth, prefix: layers., strict: false}").backbone.weights
    assert weights
    assert cell_of(tmp_path, json.dumps(weights.as_option())).backbone.weights == weights  # a row of a report again
    others = ("other.pth", "{file: one.pth, key: ''}", "{file: one.pth, prefix: ''}", "{file: one.pth, strict: false}")
    assert len({without.id, one, *(cell_of(tmp_path, each).id for each in others)}) == 6


def test_a_plan_carries_the_file_and_a_job_refuses_another(tmp_path: Path, data: Data) -> None:
    torch.save(QUERY.state_dict(), tmp_path / "made.pth")
    plan = Plan.of(load_suite(suite_of(tmp_path, "{file: made.pth, prefix: ''}")))
    (tmp_path / "plan.jsonl").write_bytes(dump(plan))
    ((id_, cell),) = PlanFile(tmp_path / "plan.jsonl", registry()).plan().cells.items()
    assert cell.id == id_
    assert cell.backbone.weights == plan.cells[id_].backbone.weights
    same_features(built(cell, data), small(1))
    torch.save(KEY.state_dict(), tmp_path / "made.pth")
    with pytest.raises(UsageError, match=r"suite.yaml:4: .*made.pth has changed since the suite was read"):
        built(cell, data)
    (tmp_path / "made.pth").unlink()
    with pytest.raises(UsageError, match=r"suite.yaml:4: .*made.pth: No such file"):
        built(cell, data)


def test_weights_of_all_entries_one_and_several(tmp_path: Path) -> None:
    """In the section of options, for an entry that says none, and as a sweep."""
    (tmp_path / "runs").mkdir()
    for number, name in enumerate("ab"):
        torch.save(small(number).state_dict(), tmp_path / "runs" / f"{name}.pth")
    path = tmp_path / "suite.yaml"
    path.write_text(
        "matrix:\n  method: [idle]\n  dataset: [blobs]\n  backbone:\n  - conv4\n"
        "  - {use: conv4, label: plain, weights: null}\n"
        "  - {use: conv4, weights: [runs/b.pth, {file: runs/a.pth, prefix: ''}]}\n"
        "  - {use: conv4, width: [2, 3], label: wide, weights: [runs/a.pth, runs/b.pth]}\n"
        "budget: {steps: 2}\nevaluators: {nearest: {}}\nbackbones:\n  conv4:\n    weights: runs/a.pth\n"
    )
    cells = load_suite(path).cells
    assert [(each.backbone.label, each.backbone.weights and each.backbone.weights.file.name) for each in cells] == [
        ("conv4", "a.pth"),
        ("plain", None),
        ("conv4 (weights=runs/b.pth)", "b.pth"),
        ("conv4 (weights=runs/a.pth)", "a.pth"),
        ("wide (width=2, weights=runs/a.pth)", "a.pth"),
        ("wide (width=3, weights=runs/a.pth)", "a.pth"),
        ("wide (width=2, weights=runs/b.pth)", "b.pth"),
        ("wide (width=3, weights=runs/b.pth)", "b.pth"),
    ]
    path.write_text(path.read_text().replace("    weights: runs/a.pth", "    weights: runs/c.pth"))
    with pytest.raises(UsageError, match=r"suite.yaml:13: weights: there is no file .*runs/c.pth. Did you mean"):
        load_suite(path)


def test_the_page_runs_as_it_says(harness: Harness, tmp_path: Path) -> None:
    pages.place(pages.files("weights.md"), tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(24) % 3
    np.savez(
        tmp_path / "pictures.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels
    )
    env = {**os.environ, "PYTHONPATH": ""}
    subprocess.run([sys.executable, "pretrain.py"], cwd=tmp_path, env=env, check=True)
    assert "2 of 2 cells done" in harness("run", "pretrained.yaml", "--device", "cpu").stdout
    trained = [json.loads(each.read_text()) for each in tmp_path.glob("results/pretrained/cells/*/training.json")]
    (said,) = [each["weights"] for each in trained if "weights" in each]
    assert (said["file"], said["key"], said["prefix"]) == ("moco.pth.tar", "state_dict", "module.encoder_q.")
