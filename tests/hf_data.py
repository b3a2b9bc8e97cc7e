"""Data sets for tests of `hf_images` and `hf_texts`, made by the functions of Hugging Face's library."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness_hf import HfImagesConfig, HfTextsConfig
from PIL import Image


class Library:
    """Imported when it is first used: that takes seconds, which would be those of each process that collects tests."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pytest looks at all that a module has
            raise AttributeError(name)
        return getattr(importlib.import_module("datasets"), name)


datasets: Any = Library()
CLASSES = ["bee", "ant"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def picture(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (13, 11, 3), dtype=np.uint8))


def feature(kind: Any) -> Any:
    """A column's: of classes, of pictures, of values of a type, or a list of one of these."""
    if isinstance(kind, list):
        return datasets.List(feature(*kind))
    made = {"classes": lambda: datasets.ClassLabel(names=CLASSES), "image": datasets.Image}
    return made[kind]() if kind in made else datasets.Value(kind)


def rows(first: int, number: int, **columns: Any) -> Any:
    """Pictures and their classes, in turn, or other columns: a value, and what it is, for each row."""
    features = {"image": feature("image"), "label": feature("classes")}
    numbers = range(first, first + number)
    values = {"image": [picture(i) for i in numbers], "label": [i % 2 for i in numbers]}
    for name, column in columns.items():
        if column is None:
            del features[name], values[name]
        else:
            make, kind = column
            features[name] = feature(kind)
            values[name] = [make(i) for i in numbers]
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def saved(folder: Path, **splits: Any) -> Path:
    datasets.DatasetDict(splits).save_to_disk(folder)
    return folder


def of_images(config: HfImagesConfig, folder: Path) -> Any:
    from harness_hf.images import HfImages  # imports the library

    return HfImages(config, folder / "own")


def images(path: Path, **options: Any) -> Any:
    return of_images(HfImagesConfig(path=path, **options), path.parent)


def texts(path: Path, **options: Any) -> Any:
    from harness_hf.texts import HfTexts  # imports the library

    return HfTexts(HfTextsConfig(path=path, **options), path.parent / "own")


def plain(samples: Any) -> torch.Tensor:
    return samples[torch.arange(len(samples))]


def sizes(splits: Mapping[str, Any]) -> dict[str, int]:
    return {name: len(split) for name, split in splits.items()}


TEXT = {"image": None, "text": (lambda i: f"text {i}", "string")}


def fetched(cache: Path, *configs: str) -> None:
    """Writes the library's cache as a name on the hub would, by the library's own builder."""

    class Hub(datasets.GeneratorBasedBuilder):  # type: ignore[misc]
        VERSION = datasets.Version("0.0.0")
        BUILDER_CONFIGS = [datasets.BuilderConfig(name=name) for name in ("default", "second")]  # noqa: RUF012

        def _info(self) -> Any:
            return datasets.DatasetInfo(features=rows(0, 1).features)

        def _split_generators(self, _: Any) -> Any:
            return [datasets.SplitGenerator(name=name, gen_kwargs={"split": name}) for name in ("train", "validation")]

        def _generate_examples(self, split: str) -> Any:
            first, number = {"train": (0, 12), "validation": (12, 6)}[split]
            for i in range(first, first + number):
                stored = io.BytesIO()
                picture(i).save(stored, "png")
                yield i, {"image": {"bytes": stored.getvalue(), "path": None}, "label": i % 2}

    for config in configs:
        named = {"dataset_name": "Insects", "repo_id": "some-one/Insects", "config_name": config}
        Hub(cache_dir=str(cache), hash=COMMIT, **named).download_and_prepare()


def several(kind: str) -> tuple[Any, Any]:
    values = [[0], [], [0, 1]]
    return lambda i: [f"c{each}" if kind == "string" else each for each in values[i % 3]], [kind]
