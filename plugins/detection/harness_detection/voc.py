"""PASCAL VOC with the splits of detection papers: trained on trainval of 2007 and 2012, scored on test of 2007."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness_datasets.arrays import locked
from harness_datasets.photos import explained
from torchvision.datasets import VOCDetection

from harness import Augmentation, ImageDataset, Split
from harness_detection import VocConfig
from harness_detection.coco_folder import as_objects
from harness_detection.letterbox import Photo, split

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
PARTS = {"train": (("2007", "trainval"), ("2012", "trainval")), "test": (("2007", "test"),)}


class Voc(ImageDataset):
    """`train` 16,551 and `test` 4,952 photos: uint8 (3, size, size), letterboxed. Difficult ones are ignored."""

    config: VocConfig
    augmentation = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)  # Chen et al. 2020, appendix B.9

    def load(self) -> Mapping[str, Split]:
        self.notes = (f"letterboxed to squares of {self.config.size} pixels",)
        return {
            name: split([photo for part in parts for photo in self.photos(*part)], CLASSES, self.config.size)
            for name, parts in PARTS.items()
        }

    def photos(self, year: str, part: str) -> list[Photo]:
        there = (self.folder / "VOCdevkit" / f"VOC{year}" / "ImageSets" / "Main" / f"{part}.txt").exists()
        with locked(self.folder), explained(self, f"VOCdevkit/VOC{year} into {self.folder}"):
            listed = VOCDetection(self.folder, year, part, download=self.config.download and not there)
        files = zip(listed.images, listed.annotations, strict=True)
        return [photo(Path(picture), Path(annotation)) for picture, annotation in files]


def photo(picture: Path, annotation: Path) -> Photo:
    """One picture with its objects. Edges in the file are pixels from 1, the last one inside: 1 is taken from the left
    and the upper edge alone."""
    # an XML file of VOC's own archive, whose checksum torchvision has compared
    said: dict[str, Any] = VOCDetection.parse_voc_xml(ElementTree.parse(annotation).getroot())["annotation"]
    found = []
    for each in said.get("object", []):
        edges = {name: float(value) for name, value in each["bndbox"].items()}
        box = [edges["xmin"] - 1, edges["ymin"] - 1, edges["xmax"], edges["ymax"]]
        found.append((box, CLASSES.index(each["name"]), each["difficult"] == "1"))
    size = said["size"]
    return Photo(picture, int(size["width"]), int(size["height"]), as_objects(found))
