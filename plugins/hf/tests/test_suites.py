"""Suites that train on Hugging Face's data sets."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests import warm
from tests.hf_data import COMMIT, TEXT, fetched, rows, saved, several

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="takes Hugging Face's datasets")


def run(folder: Path, dataset: str, backbone: str, evaluators: str, **env: str) -> str:
    """What a tiny suite says, of a run that ends well."""
    (folder / "suite.yaml").write_text(
        f"name: hf\nmatrix:\n  method: [simclr]\n  backbone: [{backbone}]\n  dataset: [{dataset}]\n"
        f"budget: {{steps: 2, batch_size: 4}}\nevaluators: {evaluators}\n"
    )
    done = warm.run(["run", "suite.yaml", "--device", "cpu", "--workers", "1"], folder, env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def metrics(folder: Path) -> dict[str, int]:
    """Of how many samples or classes each metric is, by evaluator."""
    found = [json.loads(each.read_text()) for each in folder.glob("results/*/cells/*/evaluations/*.json")]
    return {f"{each['label']} {name}": value["n"] for each in found for name, value in each["metrics"].items()}


def test_a_suite_trains_on_pictures(tmp_path: Path) -> None:
    """By name and streamed, from a cache and without a network; scored also on a folder with several labels."""
    fetched(tmp_path / "hf", "default")
    tags = several("string")
    saved(tmp_path / "saved", train=rows(0, 24, tags=tags), validation=rows(24, 12, tags=tags))
    said = run(
        tmp_path,
        f"{{use: hf_images, name: some-one/Insects, revision: {COMMIT}, size: 16, memory_gb: 0}}",
        "conv4",
        "{knn: {}, tags: {use: multilabel, data: {use: hf_images, path: saved, labels: tags}}}",
        HF_DATASETS_CACHE=str(tmp_path / "hf"),
        HF_HUB_OFFLINE="1",
    )
    assert "'validation' is the split 'test'" in said
    assert "random crops are of the whole pictures" in said
    found = metrics(tmp_path)
    assert found["knn accuracy"] == 6
    assert any(name.startswith("tags ") for name in found), found


def test_a_suite_trains_on_texts(tmp_path: Path) -> None:
    saved(tmp_path / "saved", train=rows(0, 12, **TEXT), test=rows(12, 6, **TEXT))
    run(tmp_path, "{use: hf_texts, path: saved}", "words", "{knn: {}}")
    assert metrics(tmp_path)["knn accuracy"] == 6
