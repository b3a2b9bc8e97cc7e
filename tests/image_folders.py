"""Folders of pictures for tests of `image_folder`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness_datasets import ImageFolderConfig
from harness_datasets.image_folder import ImageFolder
from PIL import Image

from harness.plugins.registry import registry
from harness.running.prepare import prepare
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200), "white": (255, 255, 255)}


def paint(file: Path, colour: Any, size: tuple[int, int] = (20, 10), mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file)


def prepared(folder: Path, options: str) -> dict[str, Any]:
    """What preparing a suite with such a data set finds."""
    (folder / "suite.yaml").write_text(
        f"name: pictures\nmatrix:\n  method: [untrained]\n  backbone: [conv4]\n"
        f"  dataset: [{{use: image_folder, {options}}}]\nbudget: {{steps: 2, batch_size: 4}}\n"
        "evaluators:\n  knn: {k: 1}\n"
    )
    store = Store(folder / "results")
    path = store.write_plan(Plan.of(load_suite(folder / "suite.yaml", registry())))
    prepare(path)
    found: dict[str, Any] = json.loads(store.findings(path).read_text())
    return found


def load(path: Path, cache: Path, **options: Any) -> Any:
    return ImageFolder(ImageFolderConfig(path=path, **options), cache).load()
