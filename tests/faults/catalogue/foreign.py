"""Data sets in the formats of other libraries that are not what they should be."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

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
)
