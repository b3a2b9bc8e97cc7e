"""A trained encoder is taken out and read again, with harness and where harness is not."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_model
from torch import Tensor

from harness import UsageError, UsageWarning, load_encoder
from harness.base.atomic_files import read_json, write_json
from harness.learning.building import build, load_data
from harness.plugins.registry import registry
from harness.suite.recorded import recorded_cell
from tests import pages
from tests.faults.meeting import here

MORE = """\
name: more
matrix:
- method: [classify]
  backbone: [{use: timm, model: test_resnet}, {use: torchvision, model: squeezenet1_1}]
  dataset: [{use: npz, path: pictures.npz, label: pictures}]
- {method: [classify], backbone: [mlp], dataset: [{use: table, path: rows.csv, label: rows}]}
budget: {steps: 2, batch_size: 8, lr: 0.01}
evaluators:
  knn: {k: 3}
"""
BARE = """\
import json, sys
sys.modules["harness"] = None  # importing it raises
import torch
for folder, codes in json.load(sys.stdin).items():
    for code in codes:
        given = torch.load(f"{folder}/given.pt")
        names = {"samples": given["samples"].numpy() if "onnx" in code else given["samples"]}
        with torch.no_grad():
            exec(code, names)
        features = torch.as_tensor(names["features"])
        torch.testing.assert_close(features, given["features"], rtol=1e-4, atol=1e-4)
        print(folder, "onnx" if "onnx" in code else "program" if "export.load" in code else "library")
"""


def command(folder: Path, line: str, code: int = 0) -> str:
    """What a command says, in this process: torch is loaded once."""
    ended, output, errors = here(shlex.split(line), folder)
    assert ended == code, output + errors
    return output + errors


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the page's commands were run, and others; each encoder has samples beside it, and the features
    that its cell's own method gives."""
    folder = tmp_path_factory.mktemp("export")
    pages.place(pages.files("export.md"), folder)
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (24, 40, 40, 3), dtype=np.uint8), np.arange(24) % 3
    parts = {
        f"{split}_{name}": part
        for split in ("train", "test")
        for name, part in (("images", images), ("labels", labels))
    }
    np.savez(folder / "pictures.npz", **parts)
    rows = [f"{split},{i % 3},{i % 5},{100 * i % 7},{i % 3 - 1.5}" for split in ("train", "test") for i in range(16)]
    (folder / "rows.csv").write_text("\n".join(["split,label,a,b,c", *rows]))
    (folder / "more.yaml").write_text(MORE)
    [block] = pages.blocks("export.md", "bash")
    for line in block.splitlines():
        command(folder, line.removeprefix("harness "))
    command(folder, "run more.yaml --device cpu")
    more = "export results/more classify --output encoders"
    command(folder, f"{more} --dataset rows --format onnx --format safetensors --format pt2")
    for backbone in ("timm (model=test_resnet)", "torchvision (model=squeezenet1_1)"):
        command(folder, f"{more} --backbone '{backbone}' --format safetensors")
    for each in (folder / "encoders").iterdir():
        torch.save(own_features(each, folder), each / "given.pt")
    return folder


def own_features(encoder: Path, folder: Path) -> dict[str, Tensor]:
    """Of the cell, by its method and its model."""
    id_ = json.loads((encoder / "encoder.json").read_text())["cell"]
    [cell] = folder.glob(f"results/*/cells/{id_}")
    described: Any = read_json(cell / "cell.json")
    options = described["dataset"]["options"]
    options |= {"path": str(folder / options["path"])} if "path" in options else {}
    known = recorded_cell(id_, described, registry())
    method, data = build(known, load_data(known.dataset, torch.device("cpu")))
    load_model(method, cell / "model.safetensors")
    samples = data.split("test").samples
    assert isinstance(samples, Tensor)
    with torch.no_grad():
        features = method.eval().encode(data.inputs(samples[:20]))
    raw = samples[:20].float() / 255 if samples.ndim == 4 else samples[:20]
    return {"samples": raw, "features": features}


def code_of(encoder: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (encoder / "README.md").read_text(), re.DOTALL)


def test_where_harness_is_not_the_cards_lines_give_the_cells_features(exported: Path) -> None:
    encoders = sorted((exported / "encoders").iterdir())
    codes = {each.name: [code for code in code_of(each) if "import harness" not in code] for each in encoders}
    done = subprocess.run(
        [sys.executable, "-c", BARE],
        cwd=exported / "encoders",
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    said = [re.sub(r"-[0-9a-f]{8}(?= )|-seed0", "", line) for line in done.stdout.splitlines()]
    assert said == [
        "classify-mlp-rows program",
        "classify-mlp-rows onnx",
        "classify-timm-model-test_resnet--pictures library",
        "classify-torchvision-model-squeezenet1_1--pictures library",
        "supervised-conv4-digits program",
        "supervised-resnet18-digits library",
    ]


def test_with_harness_it_gives_them_too(exported: Path) -> None:
    for folder in (exported / "encoders").iterdir():
        given, encoder = torch.load(folder / "given.pt"), load_encoder(folder)
        assert not encoder.training
        with torch.no_grad():
            torch.testing.assert_close(encoder(given["samples"]), given["features"], rtol=1e-4, atol=1e-4)
        assert given["features"].shape == (20 if len(given["samples"]) == 20 else 16, encoder.feature_dim)


def test_the_pages_code(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exported)
    loaded, program, weights = pages.blocks("export.md", "python")
    one, other = dict[str, Any](), dict[str, Any]()
    for code, names in (loaded, one), (program, other):
        torch.manual_seed(0)
        exec(code, names)
    torch.testing.assert_close(one["features"], other["features"])  # of the same draws: loading makes none
    exec(weights, {})


def test_what_an_encoder_refuses(exported: Path) -> None:
    encoders = {each.name.split("-")[1]: load_encoder(each) for each in (exported / "encoders").iterdir()}
    assert encoders["resnet18"](torch.rand(2, 1, 20, 24)).shape == (2, 512)  # of any size
    for name, samples, said in (
        ("conv4", torch.rand(2, 1, 9, 8), "takes samples of 1 × 8 × 8, not samples of 1 × 9 × 8"),
        ("conv4", torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "takes float .* not torch.uint8"),
        ("resnet18", torch.rand(2, 3, 8, 8), "takes samples of 1 × any × any, not samples of 3 × 8 × 8"),
        ("mlp", torch.rand(2, 4), "takes samples of 3, not samples of 4"),
    ):
        with pytest.raises(UsageError, match=said):
            encoders[name](samples)


def altered(described: dict[str, Any], **backbone: str) -> dict[str, Any]:
    return {**described, "backbone": {**described["backbone"], **backbone}}


def test_files_that_are_not_what_was_written(exported: Path, tmp_path: Path) -> None:
    """Each is refused with its reason; another version of the plugin is warned of."""
    before = exported / "encoders" / "supervised-conv4-digits-seed0"
    described: Any = read_json(before / "encoder.json")
    weights = (before / "encoder.safetensors").read_bytes()
    file, state = tmp_path / "encoder.json", tmp_path / "encoder.safetensors"

    def refused(said: str) -> None:
        with pytest.raises(UsageError, match=said):
            load_encoder(tmp_path)

    refused("there is no encoder here; 'harness export' writes")
    write_json(file, described)
    refused("there is no encoder.safetensors beside")
    state.write_bytes(weights[:-4])
    refused("encoder.safetensors is damaged .it has .* bytes instead of")
    state.write_bytes(weights)
    write_json(file, altered(described, distribution="rep-harness-nowhere"))
    refused("there is no backbone 'rep-harness-nowhere:conv4'")
    write_json(file, altered(described, name="resnet18", options={}))  # type: ignore[arg-type]
    refused("is not of this network")
    file.write_text("{")
    refused("encoder.json is damaged .* export it again")
    write_json(file, altered(described, version="0.0.1"))
    with pytest.warns(UsageWarning, match=r"was exported with rep-harness-backbones 0.0.1"):
        load_encoder(file)


def test_the_card_says_what_the_record_says(exported: Path) -> None:
    folder = exported / "encoders" / "supervised-conv4-digits-seed0"
    card, described = (folder / "README.md").read_text(), json.loads((folder / "encoder.json").read_text())
    [(label, metrics)] = described["scores"].items()
    value, half = (metrics["accuracy"][name] for name in ("value", "half_width"))
    assert re.search(rf"\| {label} +\| {100 * value:.1f} ± {100 * half:.1f} +\| 450 samples +\|", card)
    for said in ("steps=2", "arXiv:1703.05175", "harness 0.", "seed 0", described["cell"], "16 samples seen"):
        assert said in card
    assert described["files"] == ["encoder.safetensors", "encoder.pt2"]
    assert sorted(each.name for each in folder.iterdir() if each.name != "given.pt") == sorted(
        [*described["files"], "encoder.json", "README.md"]
    )


UNWRITABLE = """\
import torch
from torch import nn
from harness import hookimpl


class Turning(nn.Module):
    '''What it computes depends on a number that only Python sees.'''

    def __init__(self, config, shape):
        super().__init__()
        self.feature_dim = 4
        self.linear = nn.Linear(torch.Size(shape).numel(), 4)

    def forward(self, images):
        features = self.linear(images.flatten(1))
        return features if float(features.detach().sum()) > 1e9 else -features


@hookimpl
def register_backbones(register):
    register("turning", "turning:Turning", modality="images", summary="no program")
"""


def test_what_cannot_be_a_program_is_said_and_the_rest_written(
    harness: Callable[..., Any], suite: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "turning.py").write_text(UNWRITABLE)
    text = MORE.partition("- method")[0] + (
        "  method: [classify]\n  backbone: [turning]\n  dataset: [blobs]\n"
        "budget: {steps: 2, batch_size: 8}\nevaluators: {nearest: {}}\n"
    )
    harness("run", suite(text), "--plugin", "turning.py", "--device", "cpu")
    done = harness("export", "results/more", "classify", "--output", "out", "--plugin", "turning.py", code=1)
    assert re.search(r"warning: classify · turning · blobs · seed 0: no encoder.pt2: \w+: ", done.stderr)
    [folder] = (tmp_path / "out").iterdir()
    assert sorted(each.name for each in folder.iterdir()) == ["README.md", "encoder.json", "encoder.safetensors"]
    assert "encoder.pt2" not in (folder / "README.md").read_text()
