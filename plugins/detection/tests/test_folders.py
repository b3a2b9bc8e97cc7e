"""Pictures with boxes in files: letterboxes, COCO's JSON and VOC's XML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_detection import CocoFolderConfig, VocConfig
from harness_detection.boxes import objects
from harness_detection.coco_folder import CocoFolder, as_objects
from harness_detection.letterbox import Photo, of_file, scales, split
from harness_detection.voc import CLASSES, Voc
from PIL import Image

from harness import UsageError, UsageWarning
from harness.testing import check_dataset


def picture(path: Path, width: int, height: int, box: tuple[int, int, int, int] | None = None) -> None:
    """Noise that is dark, and white inside a box."""
    generator = np.random.default_rng(sum(path.name.encode()))
    pixels = generator.integers(0, 60, (height, width, 3), dtype=np.uint8)
    if box:
        pixels[box[1] : box[3], box[0] : box[2]] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(("width", "height"), [(80, 40), (31, 77), (64, 64), (500, 3)])
def test_boxes_in_a_letterbox_and_back_are_those_of_the_file(tmp_path: Path, width: int, height: int) -> None:
    box = (width // 4, height // 3, width - width // 5, height - height // 4)
    picture(tmp_path / "one.png", width, height, box)
    photo = Photo(tmp_path / "one.png", width, height, as_objects([([float(edge) for edge in box], 0, False)]))
    made = split([photo], ("white",), 64)
    scaled = objects(made, 0).boxes
    torch.testing.assert_close(of_file(made, 0, scaled), torch.tensor([box]).float())
    assert max(scales(width, height, 64)[0] * width, scales(width, height, 64)[1] * height) == 64
    if min(width, height) > 20:  # where the box is in the square as well
        left, upper, right, lower = (round(edge) for edge in scaled[0].tolist())
        square = made.samples[torch.tensor([0])][0].float()  # type: ignore[call-overload]
        assert square[:, upper + 2 : lower - 2, left + 2 : right - 2].min() > 200
        outside = square.clone()
        outside[:, max(0, upper - 2) : lower + 2, max(0, left - 2) : right + 2] = 0
        assert outside.max() < 100


def test_a_picture_of_another_size_than_its_boxes_are_for_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "one.png", 20, 10)
    made = split([Photo(tmp_path / "one.png", 10, 20, as_objects([]))], ("a",), 32)
    with pytest.raises(UsageError, match=r"one.png is 20x10, but its boxes are for a picture of 10x20"):
        made.samples[torch.tensor([0])]  # type: ignore[call-overload]
    (tmp_path / "two.png").write_text("no picture")
    made = split([Photo(tmp_path / "two.png", 10, 20, as_objects([]))], ("a",), 32)
    with pytest.raises(UsageError, match=r"two.png cannot be read as a picture"):
        made.samples[torch.tensor([0])]  # type: ignore[call-overload]


def coco(folder: Path, **changes: Any) -> Path:
    """Three pictures in `train`, the last without objects, and two in `test`; ids of categories have gaps."""
    for name, number in (("train", 3), ("val", 2)):
        images, annotations = [], []
        for place in range(number):
            picture(folder / f"{name}2017" / f"{name}{place}.png", 40, 30 + place)
            images.append({"id": 70 + place, "file_name": f"{name}{place}.png", "width": 40, "height": 30 + place})
        annotations = [
            {"image_id": 70, "category_id": 90, "bbox": [1, 2, 10, 20], "iscrowd": 0},
            {"image_id": 71, "category_id": 3, "bbox": [30, 20, 50, 50], "iscrowd": 0},  # beyond the edges
            {"image_id": 70, "category_id": 3, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ]
        names = [{"id": 90, "name": "brush"}, {"id": 3, "name": "car"}]
        content = {"images": images, "annotations": annotations, "categories": names, **changes}
        file = folder / "annotations" / f"instances_{name}2017.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    return folder


def test_a_coco_json_is_read(tmp_path: Path) -> None:
    config = CocoFolderConfig(path=coco(tmp_path), size=80)
    made = CocoFolder(config, tmp_path).load()
    train = made["train"]
    assert (len(train), len(made["test"]), train.classes) == (3, 2, ("car", "brush"))
    first, second, third = (objects(train, number) for number in range(3))
    assert first.boxes.tolist() == [[2, 4, 22, 44], [0, 0, 10, 10]]  # twice as large as in the file
    assert (first.labels.tolist(), first.ignored.tolist()) == ([1, 0], [False, True])
    torch.testing.assert_close(second.boxes, torch.tensor([[60.0, 40, 80, 62]]))
    assert third.boxes.shape == (0, 4)
    assert train.samples[torch.arange(3)].shape == (3, 3, 80, 80)  # type: ignore[call-overload]


def test_coco_folder_conforms(tmp_path: Path) -> None:
    check_dataset("coco_folder", path=coco(tmp_path), size=32)


def test_boxes_without_area_are_left_out_with_a_warning(tmp_path: Path) -> None:
    flat = {"image_id": 70, "category_id": 3, "bbox": [5, 5, 0, 5]}
    config = CocoFolderConfig(path=coco(tmp_path, annotations=[flat]))
    with pytest.warns(UsageWarning, match="1 boxes without area are left out"):
        made = CocoFolder(config, tmp_path).load()
    assert objects(made["train"], 0).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {}}, "it has no list 'images'"),
        ({"categories": [{"name": "car"}]}, "has no id or no name"),
        ({"annotations": [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}]}, "has no 1, or names one that is"),
        ({"annotations": [{"image_id": 70, "category_id": 3, "bbox": [0, 0, 1]}]}, "not as COCO has it"),
    ],
)
def test_what_is_no_coco_json_is_refused(tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CocoFolder(CocoFolderConfig(path=coco(tmp_path, **changes)), tmp_path).load()


def test_a_missing_json_is_refused_and_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    config = CocoFolderConfig(path=coco(tmp_path))
    before = config.fingerprint()
    assert config.fingerprint() == before
    coco(tmp_path, annotations=[])
    assert config.fingerprint() != before
    with pytest.raises(UsageError, match=r"there is no file .*missing.json"):
        CocoFolderConfig(path=tmp_path, test="missing.json").fingerprint()


ANNOTATION = """<annotation><size><width>50</width><height>40</height><depth>3</depth></size>{objects}</annotation>"""
OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult>
<bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"""


def voc(folder: Path) -> Path:
    for year, part in (("2007", "trainval"), ("2012", "trainval"), ("2007", "test")):
        root = folder / "VOCdevkit" / f"VOC{year}"
        name = f"{year}{part}"
        picture(root / "JPEGImages" / f"{name}.jpg", 50, 40)
        made = [
            OBJECT.format(name="dog", difficult=0, box=(1, 1, 50, 40)),
            OBJECT.format(name="aeroplane", difficult=1, box=(11, 21, 20, 30)),
        ]
        for file, text in (
            (root / "Annotations" / f"{name}.xml", ANNOTATION.format(objects="".join(made))),
            (root / "ImageSets" / "Main" / f"{part}.txt", f"{name}\n"),
        ):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return folder


def test_voc_is_read_with_edges_between_pixels(tmp_path: Path) -> None:
    made = Voc(VocConfig(size=100, download=False), voc(tmp_path)).load()
    assert (len(made["train"]), len(made["test"])) == (2, 1)
    found = objects(made["test"], 0)
    assert found.boxes.tolist() == [[0, 0, 100, 80], [20, 40, 40, 60]]  # twice 0 0 50 40 and 10 20 20 30
    assert [made["test"].classes[label] for label in found.labels.tolist()] == ["dog", "aeroplane"]
    assert found.ignored.tolist() == [False, True]
    assert len(CLASSES) == 20


def test_voc_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Voc is not in .* \(download is false\)"):
        Voc(VocConfig(download=False), tmp_path).load()
