"""The content of files that a component reads is in the ids of its cells; where they are is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Harness

PLUGIN = """\
import hashlib
from dataclasses import dataclass
from pathlib import Path
from harness import hookimpl, option

@dataclass(frozen=True)
class Config:
    file: Path = option(help="what it starts from", identity=False)

    def fingerprint(self):
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

@hookimpl
def register_methods(register):
    register("start", "harness_toy.parts:Idle", Config)

@hookimpl
def register_backbones(register):
    register("start", "mine:backbone", Config, modality="images")

@hookimpl
def register_datasets(register):
    register("start", "mine:dataset", Config, modality="images")

@hookimpl
def register_evaluators(register):
    register("start", "mine:evaluator", Config)

def backbone(config, shape):
    from harness_toy import FlatConfig
    from harness_toy.parts import Flat
    return Flat(FlatConfig(), shape)

def dataset(config, folder):
    from harness_toy import BlobsConfig
    from harness_toy.parts import Blobs
    return Blobs(BlobsConfig(), folder)

def evaluator(config):
    from harness_toy import NearestConfig
    from harness_toy.parts import Nearest
    return Nearest(NearestConfig())
"""
KINDS = ("method", "backbone", "dataset", "evaluator")


def test_the_content_of_a_file_is_in_the_ids_of_every_kind_and_its_place_is_not(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    for kind in KINDS:
        (tmp_path / kind).write_text("one")

    def written(folder: str = "") -> Path:
        axes = "".join(f"  {kind}: [{{use: start, label: x, file: {folder}{kind}}}]\n" for kind in KINDS[:3])
        evaluator = f"evaluators:\n  start: {{file: {folder}evaluator}}\n"
        return suite(f"name: toy\nmatrix:\n{axes}  seed: [0]\nbudget: {{steps: 1, batch_size: 8}}\n{evaluator}")

    def planned(path: Path) -> tuple[str, str]:
        [cell] = json.loads(harness("plan", path, "--plugin", "mine.py", "--json").stdout)["cells"]
        return cell["id"], cell["status"]

    assert "1 of 1 cell done" in harness("run", written(), "--plugin", "mine.py").stdout
    before, status = planned(written(f"{tmp_path}/"))
    assert status == "done"
    ids = {before}
    for kind in KINDS:
        (tmp_path / kind).write_text("two")
        id_, status = planned(written())
        assert status == "todo"
        assert (id_ == before) == (kind == "evaluator")
        ids.add(id_)
        (tmp_path / kind).write_text("one")
    assert len(ids) == len(KINDS)
    assert planned(written()) == (before, "done")
