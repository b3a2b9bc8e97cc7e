"""A backbone that starts from a file computes what the network computed that the file was made of: files of other
libraries, and the models of cells."""

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
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from harness import UsageError
from harness.learning.data.splits import Data
from tests import pages
from tests.conftest import Harness
from tests.weights.started import (
    KEY,
    QUERY,
    RESNET,
    awake,
    built,
    cell_of,
    headless,
    prefixed,
    record,
    same_features,
    small,
    suite_of,
)


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
