"""Data sets in the formats of other libraries that are not what they should be."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from tests.faults.making import RUN, data_suite
from tests.faults.meeting import Fault


def tar(files: Mapping[str, bytes], keep: float = 1.0, dataset: str = "path: train.tar") -> Callable[[Path], object]:
    """A tar file, of which only a share is kept."""

    def prepare(folder: Path) -> None:
        stored = io.BytesIO()
        with tarfile.open(fileobj=stored, mode="w") as shard:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
        whole = stored.getvalue()
        (folder / "train.tar").write_bytes(whole[: int(keep * len(whole))])
        (folder / "suite.yaml").write_text(data_suite(f"webdataset, {dataset}"))

    return prepare


def picture() -> bytes:
    stored = io.BytesIO()
    Image.new("L", (20, 20), 90).save(stored, "png")
    return stored.getvalue()


SAMPLES = {f"{i}.{end}": data for i in range(4) for end, data in (("png", picture()), ("cls", str(i % 2).encode()))}

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMED = f"name: some-one/insects, revision: {COMMIT}"
PATH = "path: saved"


def hf(
    dataset: str, alter: Callable[[Path], object] = lambda _: None, test: str = "test", **columns: Any
) -> Callable[[Path], object]:
    """A set that Hugging Face's library has saved, of pictures and classes or of other columns."""

    def prepare(folder: Path) -> None:
        import datasets  # for these alone: it takes seconds to import

        values = {"image": [{"bytes": picture(), "path": None}] * 4, "label": ["ant", "bee"] * 2, **columns}
        rows = datasets.Dataset.from_dict({name: column for name, column in values.items() if column})
        if values["image"]:
            rows = rows.cast_column("image", datasets.Image())
        datasets.disable_progress_bars()
        datasets.DatasetDict({"train": rows, test: rows}).save_to_disk(folder / "saved")
        alter(folder)
        text = data_suite(dataset)
        (folder / "suite.yaml").write_text(text.replace("conv4", "words") if "hf_texts" in dataset else text)

    return prepare


def without_library(folder: Path) -> None:
    (folder / "datasets.py").write_text("raise ImportError('there is no such library')")


FOREIGN = (
    Fault("a shard that is not there", "there is no file", tar(SAMPLES, dataset="path: 'train-{00..02}.tar'")),
    Fault("a shard that is cut off", "train.tar is cut off or damaged", tar(SAMPLES, 0.3)),
    Fault("a shard that is no tar file", "cannot be read as a tar file", tar({}, 0.01)),
    Fault(
        "a shard without labels",
        "the sample 0 has no .cls with its label; it has .png",
        tar({name: data for name, data in SAMPLES.items() if name.endswith(".png")}),
    ),
    Fault("a shard without pictures", "has no pictures", tar({"0.cls": b"1"})),
    Fault(
        "a picture in a shard that is none",
        "0.png cannot be read as a picture",
        tar({**SAMPLES, "0.png": b"text"}),
        RUN,
    ),
    Fault("a saved set that is not there", "there is no folder", hf("hf_images, path: absent")),
    Fault(
        "a folder that the library did not save",
        "save_to_disk did not write it",
        hf(f"hf_images, {PATH}", lambda folder: (folder / "saved" / "dataset_dict.json").unlink()),
    ),
    Fault(
        "a saved set without pictures",
        "has no column of pictures. It has 'label' (Value)",
        hf(f"hf_images, {PATH}", image=None),
        RUN,
    ),
    Fault("a column that is not there", "Did you mean 'label'?", hf(f"hf_images, {PATH}, labels: lable"), RUN),
    Fault("a saved set without labels", "has no column of labels", hf(f"hf_images, {PATH}", label=None), RUN),
    Fault(
        "a saved set without texts",
        "has no column of texts",
        hf(f"hf_texts, {PATH}", image=None, label=[0, 1] * 2),
        RUN,
    ),
    Fault(
        "a split that a saved set does not have",
        "Did you mean 'validation'?",
        hf(f"hf_images, {PATH}, splits: {{test: validatoin}}", test="validation"),
        RUN,
    ),
    Fault("a name without a commit", "'revision' must be a commit", hf("hf_images, name: some-one/insects")),
    Fault("a name and a path", "give either 'path' or 'name'", hf(f"hf_images, {NAMED}, {PATH}")),
    Fault(
        "a name that is not in the cache, without a network",
        "and HF_HUB_OFFLINE is set. Where there is a network, run datasets.load_dataset",
        hf(f"hf_images, {NAMED}"),
        RUN,
        env={"HF_HOME": "FOLDER/home", "HF_HUB_OFFLINE": "1"},
    ),
    Fault(
        "Hugging Face's library is not installed",
        "pip install 'rep-harness[hf]'",
        hf(f"hf_images, {PATH}", without_library),
        RUN,
        alone=True,
    ),
    Fault(
        "the plugin is not installed",
        "there is no dataset 'hf_images'",
        hf(f"hf_images, {PATH}"),
        ("plan", "suite.yaml", "--no-plugins=hf"),
        alone=True,
    ),
)
