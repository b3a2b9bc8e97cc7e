"""Data that is not what it should be."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import rmtree

import numpy as np
from PIL import Image

from tests.faults.making import (
    RUN,
    SIDE,
    Exploit,
    bomb,
    content,
    data_suite,
    half,
    listed,
    npz,
    pictures,
    raw_npz,
)
from tests.faults.meeting import Fault


def emptied(folder: Path) -> None:
    for part in folder.iterdir():
        rmtree(part)


def flattened(folder: Path) -> None:
    """All pictures in one folder."""
    for number, file in enumerate(sorted(folder.rglob("*.png"))):
        file.rename(folder / f"{number}.png")
    for split in ("train", "test"):
        rmtree(folder / split)


def renamed(folder: Path) -> None:
    listed("", "")(folder)
    (folder / "list.csv").rename(folder / "list.txt")
    suite = folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("list.csv", "list.txt"))


DATA = (
    Fault("a data file that is not there", "there is no file", content(data_suite("npz, path: no.npz").encode())),
    Fault("the home of nobody", "there is no user 'no.one'", content(data_suite("npz, path: ~no.one/a.npz").encode())),
    Fault("a path of no letters", "must be path, not ''", content(data_suite("npz, path: ''").encode())),
    Fault("a file that is no .npz", "is no .npz file", raw_npz(lambda _: b"some text"), RUN),
    Fault("a truncated .npz", "is no .npz file", raw_npz(lambda data: data[: len(data) // 2]), RUN),
    Fault("flipped bits in an .npz", "cannot be read", raw_npz(lambda data: data[:900] + b"x" * 9 + data[909:]), RUN),
    Fault(
        "Python objects in an .npz (a pickle)",
        "Object arrays cannot be loaded",
        npz(lambda parts: parts.update(train_labels=np.array([Exploit()] * 12, dtype=object))),
        RUN,
    ),
    Fault("an array of another name", "Did you mean", npz(lambda p: p.update(train_image=p["train_images"])), RUN),
    Fault("no training images", "has no 'train_images'", npz(lambda parts: parts.pop("train_images")), RUN),
    Fault(
        "pixels that are NaN",
        "must be uint8, not float64",
        npz(lambda parts: parts.update(train_images=np.full((12, SIDE, SIDE), np.nan))),
        RUN,
    ),
    Fault(
        "images of two types",
        "the images of all splits must have the same type",
        npz(lambda parts: parts.update(train_images=parts["train_images"].astype(np.uint16) * 16)),
        RUN,
    ),
    Fault(
        "channels first",
        "has its channels first",
        npz(lambda parts: parts.update(train_images=np.zeros((12, 3, SIDE, SIDE), np.uint8))),
        RUN,
    ),
    Fault(
        "images of another shape in one split",
        "all splits must have images of one shape",
        npz(lambda parts: parts.update(test_images=np.zeros((12, 20, 20), np.uint8))),
        RUN,
    ),
    Fault("labels of another type", "must be integers", npz(lambda p: p.update(train_labels=np.zeros(12))), RUN),
    Fault("too few labels", "has 12 samples, but", npz(lambda p: p.update(train_labels=np.arange(11))), RUN),
    Fault("a label out of range", "must be in 0 .. 1", npz(lambda p: p.update(classes=np.array(["a", "b"]))), RUN),
    Fault(
        "a negative label",
        "must be in 0 .. 2",
        npz(lambda p: p.update(classes=np.array(["a", "b", "c"]), train_labels=np.arange(12) % 3 - 1)),
        RUN,
    ),
    Fault(
        "labels of -1, as of samples without a label",
        "4 of the 12 'train_labels' are below 0",
        npz(lambda p: p.update(train_labels=np.arange(12) % 3 - 1)),
        RUN,
    ),
    Fault("an array val_images", "call it 'test_images'", npz(lambda p: p.update(val_images=p["test_images"])), RUN),
    Fault(
        "a class in 'test' alone",
        "in 'test' but not in 'train'",
        npz(lambda p: p.update(test_labels=p["test_labels"] + 1)),
        RUN,
    ),
    Fault(
        "no samples",
        "must be (N, H, W)",
        npz(lambda p: p.update(train_images=np.zeros((0, 8, 8), np.uint8), train_labels=np.zeros(0, int))),
        RUN,
    ),
    Fault(
        "one class",
        "has one class only",
        npz(lambda p: p.update(train_labels=np.zeros(12, int), test_labels=np.zeros(12, int))),
        RUN,
    ),
    Fault(
        "one class, for a classifier",
        "has one class only",
        npz(
            lambda p: p.update(
                train_labels=np.zeros(12, int), novel_images=p.pop("test_images"), novel_labels=p.pop("test_labels")
            ),
            "supervised",
            "fewshot: {split: novel, ways: 3, shots: 1, queries: 2}",
        ),
        RUN,
    ),
    Fault(
        "fewer samples of a class than shots and queries",
        "need 3 classes of at least 6 samples; the split 'test' has 0",
        npz(evaluator="fewshot: {split: test, ways: 3, shots: 1, queries: 5}"),
        RUN,
    ),
    Fault(
        "fewer samples than tasks of random ones",
        "4 tasks of 5 random samples need 20; the split 'train' has 12",
        npz(method="umtra"),
        RUN,
    ),
    Fault(
        "a folder that is not there", "there is no folder", content(data_suite("image_folder, path: pictures").encode())
    ),
    Fault("a picture cut short", "0.png cannot be read", pictures(lambda place: half(place / "train/ant/0.png")), RUN),
    Fault(
        "a text named .png",
        "cannot be read as a picture",
        pictures(lambda place: (place / "test/bee/1.png").write_text("no picture")),
        RUN,
    ),
    Fault(
        "a picture of 3,600,000,000 pixels in 100 bytes (a bomb)",
        "decompression bomb",
        pictures(lambda place: (place / "train/ant/0.png").write_bytes(bomb())),
        RUN,
    ),
    Fault(
        "a picture of floats",
        "its pixels are floats, whose range is unknown",
        pictures(lambda p: Image.fromarray(np.zeros((20, 20), np.float32)).save(p / "train/ant/3.tif")),
        RUN,
    ),
    Fault("a class without pictures", "has no pictures", pictures(lambda place: (place / "train/cow").mkdir()), RUN),
    Fault("a folder without anything", "has no folders; each class needs one", pictures(emptied)),
    Fault("pictures without folders of classes", "image_list", pictures(flattened)),
    Fault(
        "a class in 'val' alone",
        "class 'bee' is in 'val' but not in 'train'",
        pictures(lambda p: ((p / "test").rename(p / "val"), rmtree(p / "train/bee"))),
    ),
    Fault(
        "folders 'val' and 'dev'",
        "only one of them can be the split 'test'",
        pictures(lambda p: ((p / "val").mkdir(), (p / "dev").mkdir())),
    ),
    Fault(
        "training classes in 'validation'",
        "call it 'val'",
        pictures(lambda p: (p / "test").rename(p / "validation")),
    ),
    Fault(
        "one folder of one class",
        "has one class only",
        pictures(lambda p: ((p / "train/ant").rename(p / "ant"), rmtree(p / "train"), rmtree(p / "test"))),
        RUN,
    ),
    Fault(
        "a share of 'test' beside a split 'test'", "leave the option 'test' out", pictures(lambda _: None, "test: 0.5")
    ),
    Fault("a novel class that is not there", "Did you mean 'bee'?", pictures(lambda _: None, "novel: [beee]")),
    Fault("no class left to train on", "'novel' takes 2", pictures(lambda _: None, "novel: [ant, bee]")),
    Fault("a share of 3", "novel is a share, above 0 and below 1", pictures(lambda _: None, "novel: 3")),
    Fault(
        "a picture whose name is not UTF-8",
        "whose name is not UTF-8; rename it",
        pictures(lambda p: (p / "train/ant/0.png").rename(os.fsdecode(os.fsencode(p / "train/ant") + b"/\xff.png"))),
        RUN,
    ),
    Fault("a folder that is no split", "Did you mean 'test'?", pictures(lambda p: (p / "tests").mkdir()), RUN),
    Fault("a list without a column of labels", "Did you mean 'labels'?", listed("path,label", "path,labels")),
    Fault("a list of a picture that is not there", "list.csv:5: there is no picture", listed("3.png", "3.jpg")),
    Fault("a list of a file that is no picture", "text.png cannot be read", listed("3.png", "text.png"), RUN),
    Fault("a picture listed twice", "list.csv:5: 2.png is listed before", listed("3.png", "2.png")),
    Fault("a listed picture without a label", "list.csv:2: there is no label", listed("0.png,ant", "0.png,")),
    Fault("a line of a list that is too short", "list.csv:3: 2 values", listed("1.png,bee,train", "1.png,bee")),
    Fault("a list with a split of another name", "Did you mean 'test'?", listed("bee,test", "bee,tests")),
    Fault("a listed class in 'test' alone", "list.csv:5: class 'cow' is in 'test'", listed("bee,test", "cow,test")),
    Fault(
        "several labels and novel classes",
        "list.csv:5: pictures have several labels",
        listed("bee,test", "ant;bee,novel"),
    ),
    Fault("a column of a class that is neither 0 nor 1", "must be 0 or 1", listed("", "", "labels: [label]")),
    Fault("a list with another ending", "must be a .csv or a .parquet file", renamed),
)
