"""Published weights of timm and torchvision, out of caches laid by hand: features as the libraries compute them, one
whole run, trainings that begin with them, and what cannot be."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from harness_timm import Config, published
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config
from torch import Tensor, nn
from torchvision import models

from harness import ImageShape, UsageError, load_suite
from harness.learning import building
from harness.learning.data.splits import Data
from harness.plugins.registry import registry
from harness.suite.cell import Cell, Component
from tests.conftest import Harness
from tests.faults.making import Exploit
from tests.library_caches import REVISION, of_hub, of_torch

TIMM, TORCHVISION, FILE = "test_resnet", "shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth"
ENTRIES = {
    "timm": f"use: timm, model: {TIMM}, pretrained: true",
    "torchvision": f"use: torchvision, model: {TORCHVISION}, pretrained: IMAGENET1K_V1",
}
SUITE = """\
name: published
matrix:
  method: [{method}]
  backbone: [{backbone}]
  dataset: [{{use: npz, path: tiny.npz, label: tiny}}]
methods:
  maml: {{ways: 3, shots: 1, queries: 1, tasks: 1, inner_lr: 0.01}}
  protonet: {{ways: 3, shots: 1, queries: 1}}
budget: {{steps: 1, batch_size: 4}}
evaluators:
  knn: {{k: 3}}
  fewshot: {{ways: 3, shots: 1, queries: 1, episodes: 4, split: test}}
"""


def pictures(number: int = 12, channels: int = 3) -> Any:
    return np.random.default_rng(0).integers(0, 256, (number, 24, 32, channels), dtype=np.uint8)


def write(folder: Path, method: str, backbone: str, channels: int = 3) -> Path:
    parts = {
        f"{split}_{kind}": value
        for split in ("train", "test")
        for kind, value in (("images", pictures(channels=channels)), ("labels", np.arange(12) % 3))
    }
    np.savez(folder / "tiny.npz", **parts)
    (folder / "suite.yaml").write_text(SUITE.format(method=method, backbone=backbone))
    return folder / "suite.yaml"


def loaded(suite: Path) -> tuple[Cell, Data]:
    cell = next(each for each in load_suite(suite).cells if each.scored)
    return cell, building.load_data(cell.dataset, torch.device("cpu"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HF_HOME, whose place is fixed when the hub's client is imported."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "hf"


def by_hand(model: str, clamped: bool) -> tuple[Tensor, Tensor, Tensor]:
    """timm's inputs and features of the pictures as tensors, and its inputs of them as files.

    clamped: between resizing and the rest, as a picture's values are; timm's bicubic overshoots on tensors of floats.
    """
    network = timm.create_model(model, pretrained=True, num_classes=0).eval()
    transform = create_transform(**resolve_data_config({}, model=network))
    resize, *others = transform.transforms
    rest = type(transform)(others)
    each = [resize(picture) for picture in torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 255]
    inputs = torch.stack([rest(one.clamp(0, 1) if clamped else one) for one in each])
    files = torch.stack([transform(Image.fromarray(picture)) for picture in pictures()])
    with torch.no_grad():
        return inputs, network(inputs), files


@pytest.mark.parametrize(
    ("model", "bicubic", "files_differ_by"),
    [("test_resnet", False, 0.0079), ("test_vit", True, 0.2)],  # Pillow rounds to 8 bits twice: once for each side
)
def test_timms_features_are_those_that_timm_computes(
    model: str, bicubic: bool, files_differ_by: float, tmp_path: Path, hub: Path
) -> None:
    of_hub(hub, model)
    cell, data = loaded(write(tmp_path, "pretrained", f"{{use: timm, model: {model}, pretrained: true}}"))
    method, data = building.build(cell, data)
    inputs = data.inputs(data.split("train").samples)
    theirs, features, files = by_hand(model, clamped=bicubic)
    torch.testing.assert_close(inputs, theirs, atol=1e-5, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(method.eval().encode(inputs), features, atol=1e-4, rtol=0)
    assert (inputs - files).abs().max() < files_differ_by


def test_torchvisions_features_are_those_that_torchvision_computes(tmp_path: Path, hub: Path) -> None:
    file = of_torch(hub.parent / "torch", TORCHVISION, FILE)
    method, data = building.build(*loaded(write(tmp_path, "pretrained", f"{{{ENTRIES['torchvision']}}}")))
    network: Any = models.get_model(TORCHVISION)
    network.load_state_dict(torch.load(file, weights_only=True))
    network.fc = nn.Identity()
    prepared = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.transforms()(
        torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 255
    )
    with torch.no_grad():
        ours = method.eval().encode(data.inputs(data.split("train").samples))
        torch.testing.assert_close(ours, network.eval()(prepared), atol=1e-4, rtol=0)


def test_one_run_scores_and_trains_both_libraries_weights(harness: Harness, tmp_path: Path) -> None:
    files = {"timm": of_hub(tmp_path / "hf", TIMM), "torchvision": of_torch(tmp_path / "torch", TORCHVISION, FILE)}
    backbones = ", ".join(f"{{{entry}, label: {name}}}" for name, entry in ENTRIES.items())
    write(tmp_path, "pretrained, simclr, {use: pretrained, start: simclr}", backbones)
    env = {"HF_HOME": str(tmp_path / "hf"), "TORCH_HOME": str(tmp_path / "torch"), "HF_HUB_OFFLINE": "1"}
    done = harness("run", "suite.yaml", "--results", "results", "--workers", "1", "--device", "cpu", env=env)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "results" / "leaderboard.md").read_text()
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/cells/*/training.json")]
    names = {"timm": "timm's test_resnet.r160_in1k", "torchvision": f"torchvision's {TORCHVISION} IMAGENET1K_V1"}
    for library, file in files.items():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        own = [each["weights"] for each in records if each["weights"]["name"] == names[library]]
        assert [each["digest"] for each in own] == [digest] * 3  # scored, trained, and scored after the training
        assert re.search(rf"Weights of {library}: {names[library]} \(.*digest={digest[:15]}…", page.replace("\\", ""))
    [own] = [each["weights"] for each in records if each["weights"]["name"] == names["timm"]][:1]
    assert own["revision"] == REVISION
    assert own["notes"] == []
    assert {key: own["preprocessing"][key] for key in ("shape", "mean", "resize", "interpolation")} == {
        "shape": [3, 160, 160],
        "mean": [0.5, 0.5, 0.5],
        "resize": 168,
        "interpolation": "bilinear",
    }
    assert "fingerprint=test_resnet.r160_in1k" in page
    assert "is not the file that torchvision publishes" in page


@pytest.mark.parametrize("method", ["simclr", "maml", "protonet"])
@pytest.mark.parametrize("library", list(ENTRIES))
def test_a_training_begins_with_the_weights_and_sees_pictures_as_they_want_them(
    library: str, method: str, tmp_path: Path, hub: Path
) -> None:
    of_hub(hub, TIMM)
    of_torch(hub.parent / "torch", TORCHVISION, FILE)
    cell, data = loaded(write(tmp_path, method, f"{{{ENTRIES[library]}}}"))
    building.check_cell(cell, [], data, {})
    made, own = building.build(cell, data)
    asis = building.build(*loaded(write(tmp_path, "pretrained", f"{{{ENTRIES[library]}}}"))).method.backbone
    assert all(torch.equal(value, made.backbone.state_dict()[name]) for name, value in asis.state_dict().items())
    seen: list[Tensor] = []
    made.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    assert made.batches is not None
    loss = made.loss(made.batches.draw(building.source_of(cell, own), 0))
    assert torch.isfinite(loss["loss"] if isinstance(loss, dict) else loss)
    told: Any = asis.preprocessing
    black, white = ((value - torch.tensor(told.mean)) / torch.tensor(told.std) for value in (0, 1))
    assert seen
    for inputs in seen:
        assert inputs.shape[-3:] == told.shape
        least, most = inputs.movedim(-3, 0).flatten(1).aminmax(dim=1)
        assert (least >= black - 1e-4).all()
        assert (most <= white + 1e-4).all()
        assert (most - least > (white - black) / 2).all()


BOTH = f"{{{ENTRIES['timm']}, weights: mine.pth}}"


@pytest.mark.parametrize(
    ("method", "backbone", "says"),
    [
        (
            "untrained",
            f"{{{ENTRIES['timm']}}}",
            r"starts from timm's test_resnet\.r160_in1k, and 'untrained' is for ran",
        ),
        ("untrained", f"{{{ENTRIES['torchvision']}}}", "starts from torchvision's .* and 'untrained' is for random"),
        ("simclr", BOTH, r"it starts from timm's test_resnet\.r160_in1k already: leave out 'weights', or"),
        ("simclr", BOTH.replace(ENTRIES["timm"], ENTRIES["torchvision"]), "it starts from torchvision's .* already"),
        ("pretrained", f"{{use: timm, model: {TIMM}}}", "starts from random weights, and 'pretrained' scores one that"),
    ],
)
def test_what_does_not_go_together_is_refused(method: str, backbone: str, says: str, tmp_path: Path, hub: Path) -> None:
    of_hub(hub, TIMM)
    of_torch(hub.parent / "torch", TORCHVISION, FILE)
    torch.save({}, tmp_path / "mine.pth")
    cell, data = loaded(write(tmp_path, method, backbone))
    with pytest.raises(UsageError, match=rf"suite\.yaml:4: .*{says}"):
        building.check_cell(cell, [], data, {})


def test_pictures_whose_channels_cannot_be_made_to_fit_are_refused(tmp_path: Path, hub: Path) -> None:
    of_hub(hub, TIMM)
    cell, data = loaded(write(tmp_path, "pretrained", f"{{{ENTRIES['timm']}}}", channels=4))
    with pytest.raises(UsageError, match="takes images of 3x160x160, but the samples are images of 4x24x32"):
        building.check_cell(cell, [], data, {})


def test_a_file_in_which_a_tensor_is_missing_is_refused(tmp_path: Path, hub: Path) -> None:
    file = of_hub(hub, TIMM, **{"layer1.0.conv1.weight": None})
    cell, data = loaded(write(tmp_path, "pretrained", f"{{{ENTRIES['timm']}}}"))
    with pytest.raises(UsageError) as caught:
        building.check_cell(cell, [], data, {})
    assert f"{file} cannot be used: " in str(caught.value)
    assert 'Missing key(s) in state_dict: "layer1.0.conv1.weight"' in str(caught.value)


@pytest.mark.parametrize("hostile", [False, True])
def test_a_pickle_is_read_where_there_is_no_safetensors_file_and_not_run(
    hostile: bool, tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = of_hub(hub, TIMM)
    state = load_file(file)
    torch.save({**state, "more": Exploit()} if hostile else state, file.with_name("pytorch_model.bin"))
    file.unlink()
    cell, data = loaded(write(tmp_path, "pretrained", f"{{{ENTRIES['timm']}}}"))
    if hostile:
        with pytest.raises(UsageError, match=r"pytorch_model\.bin cannot be used: Weights only load failed"):
            building.check_cell(cell, [], data, {})
        assert not Path("exploited").exists()
    else:
        network = building.build(cell, data).method.backbone
        assert torch.equal(network.state_dict()["conv1.0.weight"], state["conv1.0.weight"])


def test_a_file_that_is_not_what_its_cache_says_is_noted(tmp_path: Path, hub: Path) -> None:
    file, other = of_hub(hub, TIMM), of_hub(tmp_path / "other", TIMM, **{"fc.bias": torch.ones(1000)})
    said = file.resolve().name[:8]
    file.resolve().write_bytes(other.read_bytes())
    cell, data = loaded(write(tmp_path, "pretrained", f"{{{ENTRIES['timm']}}}"))
    [note] = building.check_cell(cell, [], data, {})
    assert (
        f"model.safetensors is not the file that timm publishes: its SHA-256 begins with {other.resolve().name[:8]}"
        in note
    )
    assert note.endswith(f"not with {said}.")


def test_what_is_not_there_is_asked_for_once(tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    asked: list[str] = []

    def unreachable(url: str) -> None:
        asked.append(url)
        raise OSError("no route to host")

    monkeypatch.setattr(published, "get_hf_file_metadata", unreachable)
    cell, data = loaded(write(tmp_path, "pretrained", f"{{use: timm, model: {TIMM}.r160_in1k, pretrained: true}}"))
    published._fetch.cache_clear()
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            building.check_cell(cell, [], data, {})
    published._fetch.cache_clear()
    assert asked == ["https://huggingface.co/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"]
    assert (
        f"there is no file model.safetensors of timm/test_resnet.r160_in1k in {hub}/hub, and it cannot be fetched (no "
        "route to host): run 'hf download timm/test_resnet.r160_in1k model.safetensors' on another machine, and copy "
        "the folder models--timm--test_resnet.r160_in1k of its cache there."
    ) in str(caught.value)


def test_what_is_not_on_the_hub_is_in_torchs_cache(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(UsageError) as caught:
        published.with_weights("vit_huge_patch14_gap_224.in1k_ijepa", ImageShape(3, 32, 32))
    folder = hub.parent / "torch" / "hub" / "checkpoints"
    assert (
        f"no file IN1K-vit.h.14-300e.pth.tar of timm's 'vit_huge_patch14_gap_224.in1k_ijepa' in {folder}, and it"
        in (str(caught.value))
    )
    assert "get it from https://dl.fbaipublicfiles.com/ijepa/IN1K-vit.h.14-300e.pth.tar on another" in str(caught.value)


def backbone(**options: Any) -> Component:
    spec = registry().get("backbone", "timm")
    return Component(spec, Config(**options), "timm")


def test_ids_of_random_models_stay_and_published_weights_have_their_tag_in_it() -> None:
    assert backbone(model="resnet18").digest == "b7e3f515ad6727ef"  # as before there was an option
    assert backbone(model="test_vit", channels_last=False).digest == "ff06894331e8594c"
    own = backbone(model="resnet18", pretrained=True)
    assert own.identity["fingerprint"] == "resnet18.a1_in1k"
    assert own.digest != backbone(model="resnet18").digest
    assert backbone(model="resnet18.a2_in1k", pretrained=True).identity["fingerprint"] == "resnet18.a2_in1k"
