"""`harness score`: encoders that exist become rows of a table; `harness init`: a suite to start from."""

from __future__ import annotations

import os
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
import yaml
from PIL import Image

from harness import UsageError
from harness.cli.scoring.arguments import flow
from harness.cli.scoring.suite import Asked, lines_of
from harness.plugins.registry import registry
from tests import pages
from tests.conftest import Harness, install
from tests.faults.meeting import here

README = (pages.DOCS.parent / "README.md").read_text(encoding="utf-8")
Score = Callable[..., str]
TOY = ("--backbone", "flat", "--data", "blobs", "--evaluators", "nearest", "--device", "cpu")


def save(file: Path, seed: int) -> None:
    """Weights of the toy backbone `flat` for the pictures of `blobs`."""
    generator = torch.Generator().manual_seed(seed)
    torch.save({"linear.weight": torch.randn(16, 48, generator=generator), "linear.bias": torch.zeros(16)}, file)


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Score:
    """Run `harness score` in this process, on 80 columns; what it prints."""
    monkeypatch.setenv("COLUMNS", "80")
    for seed, name in enumerate(("a.pth", "b.pth", "c.pth")):
        save(tmp_path / name, seed)

    def call(*arguments: str) -> str:
        code, output, errors = here(["score", *arguments], tmp_path)
        assert code == 0, output + errors
        return output

    return call


def test_encoders_are_rows_of_one_table_to_which_later_ones_are_added(score: Score, tmp_path: Path) -> None:
    first = score("a.pth", "flat:b.pth", *TOY)
    folder = tmp_path / "results" / "score-blobs"
    suite = folder / "benchmarks.yaml"
    assert re.search(
        r"\nblobs · pretrained\nbackbone +nearest .*\n─+\n(a.pth|flat:b.pth) .*\n(a.pth|flat:b.pth) ", first
    )
    assert "2 of 2 cells done" in first
    assert max(map(len, first.split("results/score-blobs/benchmarks.yaml, to")[0].splitlines()[4:])) <= 80
    again = score("a.pth", "flat:b.pth", *TOY)
    assert "2 cells, 2 already done" in again
    assert [each.name for each in folder.glob("*.yaml")] == ["benchmarks.yaml"]
    code, output, _ = here(["plan", str(suite), "--results", str(folder)], tmp_path)
    assert (code, "2 cells: 2 done" in output) == (0, True)

    suite.write_text(changed := suite.read_text() + "# mine\n")
    third = score("c.pth", *TOY)
    assert "1 cell, 0 already done" in third
    assert all(f"\n{name} " in third for name in ("a.pth", "flat:b.pth", "c.pth"))
    assert (folder / "benchmarks-1.yaml").read_text() == changed
    assert "The suite that was there is now results/score-blobs/benchmarks-1.yaml." in third
    assert all(name in (folder / "leaderboard.md").read_text() for name in ("a.pth", "b.pth", "c.pth"))


def test_a_warning_names_the_argument_and_no_line_of_the_suite(score: Score, tmp_path: Path) -> None:
    images, labels = np.zeros((12, 4, 4, 3), np.uint8), np.arange(12) % 3
    arrays = {
        f"{split}_{what}": each
        for split in ("train", "test")
        for what, each in {"images": images, "labels": labels}.items()
    }
    np.savez(tmp_path / "mine.npz", **arrays)
    printed = score("a.pth", "--backbone", "flat", "--data", "mine.npz", "--evaluators", "nearest", "--device", "cpu")
    assert "warning: --data mine.npz: 12 of the 12 samples" in printed


@pytest.mark.parametrize("refused", [("a.pth", "--device", "cuda:99"), ("wrong.pth", "--device", "cpu")])
def test_a_command_that_is_refused_writes_no_suite_and_leaves_the_one_that_is_there(
    refused: tuple[str, ...], score: Score, tmp_path: Path
) -> None:
    torch.save({"linear.weight": torch.zeros(16, 7), "linear.bias": torch.zeros(16)}, tmp_path / "wrong.pth")
    folder = tmp_path / "results" / "score-blobs"
    command = ["score", *refused, *TOY[:-2]]
    code, _, errors = here(command, tmp_path)
    assert code == 2, errors
    assert not list(folder.glob("*.yaml"))
    score("a.pth", *TOY)
    suite = folder / "benchmarks.yaml"
    suite.write_text(changed := suite.read_text() + "# mine\n")
    assert here(command, tmp_path)[0] == 2
    assert suite.read_text() == changed
    assert [each.name for each in folder.glob("*.yaml")] == ["benchmarks.yaml"]


def entries(asked: Asked) -> dict[str, Any]:
    text = "\n".join(line.text for line in lines_of(asked, registry()))
    suite: dict[str, Any] = yaml.safe_load(text)
    return suite


@pytest.mark.parametrize(
    ("argument", "backbone", "entry"),
    [
        ("mine.pth", "conv4", {"use": "conv4", "weights": "HERE/mine.pth"}),
        ("mine.pth", "{use: conv4, width: 32}", {"use": "conv4", "width": 32, "weights": "HERE/mine.pth"}),
        ("mine.pth", "timm:vit_tiny", {"use": "timm", "model": "vit_tiny", "weights": "HERE/mine.pth"}),
        ("conv4:mine.pth", None, {"use": "conv4", "weights": "HERE/mine.pth"}),
        ("timm:vit_tiny:mine.pth", None, {"use": "timm", "model": "vit_tiny", "weights": "HERE/mine.pth"}),
        ("timm:vit_tiny:gone/it.pth", None, {"use": "timm", "model": "vit_tiny", "weights": "HERE/gone/it.pth"}),
        ("torchvision:resnet18:TAG_V1", None, {"use": "torchvision", "model": "resnet18", "pretrained": "TAG_V1"}),
    ],
)  # fmt: skip
def test_what_an_encoder_may_be(
    argument: str, backbone: str | None, entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pth").touch()
    [found] = entries(Asked([argument], "digits", backbone=backbone))["matrix"]["backbone"]
    weights = {"weights": entry["weights"].replace("HERE", str(tmp_path))} if "weights" in entry else {}
    assert found == {**entry, **weights, "label": argument}


TABLE = {"use": "table", "label": "mine.csv", "path": "HERE/mine.csv", "split": "part"}


@pytest.mark.parametrize(
    ("data", "encoder", "entry"),
    [
        ("digits", "conv4", {"use": "digits", "label": "digits"}),
        ("./digits", "conv4", {"use": "image_folder", "label": "digits", "path": "HERE/digits", "size": 9}),
        ("mine.npz", "conv4", {"use": "npz", "label": "mine.npz", "path": "HERE/mine.npz"}),
        ("mine.npz", "mlp", {"use": "table", "label": "mine.npz", "path": "HERE/mine.npz"}),
        ("npz:gone.npz", "conv4", {"use": "npz", "label": "npz:gone.npz", "path": "HERE/gone.npz"}),
        ("{use: table, path: mine.csv, split: part}", "mlp", TABLE),
    ],
)  # fmt: skip
def test_what_data_may_be(
    data: str, encoder: str, entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several data sets that read a file, the one whose samples the encoder takes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    (tmp_path / "mine.npz").touch()
    [found] = entries(Asked([f"{encoder}:mine.pth"], data, size=entry.get("size")))["matrix"]["dataset"]
    assert found == {
        key: str(each).replace("HERE", str(tmp_path)) if key == "path" else each for key, each in entry.items()
    }


def test_episodes_are_written_as_papers_have_them() -> None:
    asked = Asked(["conv4:mine.pth"], "digits", evaluators="knn, 5-way 1-shot,20-way 5-shots")
    assert entries(asked)["evaluators"] == {
        "knn": {},
        "5-way 1-shot": {"use": "fewshot", "ways": 5, "shots": 1, "split": None},
        "20-way 5-shot": {"use": "fewshot", "ways": 20, "shots": 5, "split": None},
    }


def test_a_file_that_two_data_sets_of_a_kind_read_has_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").touch()
    both = ["conv4:a.pth", "mlp:b.pth"]
    with pytest.raises(
        UsageError, match=r"several data sets can read it: write --data npz:.*mine.npz or --data table:"
    ):
        lines_of(Asked(both, str(tmp_path / "mine.npz")), registry())


@pytest.mark.parametrize("value", ["a: b", "5", "x\ny", "null", "{a", "ä", "#", "it's", {"a b": None, "c": [1, "2"]}])
def test_whatever_is_told_is_one_line_of_yaml_and_nothing_else(value: Any) -> None:
    assert "\n" not in flow(value)
    assert yaml.safe_load(f"- {flow(value)}") == [value]


ZOO = """
from dataclasses import dataclass
from harness import hookimpl, option

@dataclass(frozen=True)
class Config:
    model: str = option(help="which")
    pretrained: bool = option(False, "with its weights")

@hookimpl
def register_backbones(register):
    register("zoo", "plugin_zoo:backbone", Config, modality="images")

def backbone(config, shape):
    import torch
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 8))
    network.feature_dim = 8
    network.started_from = {"name": f"weights of {config.model}", "notes": []} if config.pretrained else None
    return network
"""


def test_a_model_of_any_library_comes_with_its_weights(harness: Harness, tmp_path: Path) -> None:
    install(tmp_path, "zoo", ZOO)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])}
    done = harness("score", "zoo:tiny", *TOY[2:], "--results", "mine", env=env)
    assert re.search(r"\nzoo:tiny +\d", done.stdout)
    suite = yaml.safe_load((tmp_path / "mine" / "benchmarks.yaml").read_text())
    use = {"use": "plugin-zoo:zoo", "label": "zoo:tiny", "model": "tiny", "pretrained": True}
    assert suite["matrix"]["backbone"] == [use]


def pictures(folder: Path) -> None:
    """Ten classes, each with enough for episodes."""
    generator = np.random.default_rng(0)
    for split, number in (("train", 2), ("test", 16)):
        for label in range(10):
            place = folder / split / f"class {label}"
            place.mkdir(parents=True)
            for each in range(number):
                noise = generator.integers(0, 60, (64, 64, 3))
                Image.fromarray((20 * label + noise).clip(0, 255).astype(np.uint8)).save(place / f"{each}.png")


def test_the_page_runs_as_it_says(score: Score, tmp_path: Path) -> None:  # noqa: ARG001 (for its 80 columns)
    pictures(tmp_path / "pictures")
    pages.place(pages.files("score.md"), tmp_path)
    commands = [line for each in pages.blocks("score.md", "bash") for line in each.splitlines()]
    [of_the_readme] = re.findall(r"^uv run (harness score .*)$", README, re.MULTILINE)
    assert of_the_readme == commands[1]
    printed = []
    for program, *rest in map(shlex.split, commands):
        if program == "python":
            subprocess.run([sys.executable, *rest], cwd=tmp_path, check=True)
            continue
        code, output, errors = here(rest, tmp_path)
        assert code == 0, output + errors
        printed.append(output)
    first, second, again = printed
    assert "Details of 5-way 1-shot: split test" in first
    for name in ("resnet18.pth ", "resnet18:longer.pth ", "torchvision:resnet18:"):
        assert f"\n{name}" in second
    assert "2 cells, 2 already done" in again


def test_the_first_suite_runs_as_it_is(harness: Harness, tmp_path: Path) -> None:
    assert "Next: harness plan mine/first.yaml" in harness("init", "mine/first.yaml").stdout
    file = tmp_path / "mine" / "first.yaml"
    assert "3 cells: 3 todo" in harness("plan", file).stdout
    written = file.read_text()
    assert max(map(len, written.splitlines())) <= 120
    file.write_text(written.replace("steps: 50", "steps: 2").replace("episodes: 500", "episodes: 20"))
    done = harness("run", file, "--only", "method=simclr", "--device", "cpu")
    assert "1 of 1 cell done" in done.stdout


def test_the_first_suite_has_what_is_installed(harness: Harness, tmp_path: Path) -> None:
    harness("--no-plugins=simclr", "init")
    text = (tmp_path / "benchmarks.yaml").read_text()
    assert yaml.safe_load(text)["matrix"]["method"] == ["protonet", "untrained"]
    assert re.search(r"installed as well: anil, .*\bbyol, cactus, .*\bclassify,", text.replace("\n  #  ", ""))
    (tmp_path / "benchmarks.yaml").unlink()
    blocked = harness("--no-plugins=rep-harness-datasets", "init", code=2)
    assert "a first suite needs one of these datasets, but none is installed: glyphs" in blocked.stderr
    assert not (tmp_path / "benchmarks.yaml").exists()
