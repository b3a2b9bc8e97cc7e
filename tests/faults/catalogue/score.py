"""What `harness score` and `harness init` cannot do as they are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.faults.catalogue.weights import onto_disk, saved, state
from tests.faults.meeting import Fault


def score(
    title: str,
    says: str,
    *arguments: str,
    prepare: Callable[[Path], object] = lambda _: None,
    encoder: str = "mine.pth",
    data: str = "blobs",
    backbone: str = "flat",
) -> Fault:
    """With good weights of the toy backbone, and whatever else `prepare` puts there."""

    def made(folder: Path) -> None:
        saved(state)(folder / "mine.pth")
        prepare(folder)

    named = ("--backbone", backbone) if backbone else ()
    told = ("score", encoder, *named, "--data", data, "--results", "FOLDER/results", "--device", "cpu", *arguments)
    return Fault(title, says, made, told)


def folder_of_an_encoder(folder: Path) -> None:
    onto_disk(folder / "theirs")


def pictures_without_classes(folder: Path) -> None:
    (folder / "pictures").mkdir()
    Image.new("L", (9, 9)).save(folder / "pictures" / "one.png")


def conv4(folder: Path) -> None:
    import torch

    torch.save({"layers.0.0.weight": torch.ones(64, 3, 3, 3)}, folder / "mine.pth")


def table(folder: Path) -> None:
    (folder / "mine.csv").write_text("a,b,label\n1,2,x\n2,1,y\n")


def no_data(folder: Path) -> None:
    (folder / "notes.txt").write_text("none")


SCORE = (
    score("an encoder that is not there", "Did you mean 'mine.pth'?", encoder="mime.pth"),
    score("an encoder that is a folder", "not that of a cell", encoder="theirs", prepare=folder_of_an_encoder),
    score("an encoder at an address", "download it and give its path", encoder="https://a.b/mine.pth", backbone=""),
    score("weights of no network", "which network are these weights for?", backbone=""),
    score("a slip in --backbone", "--backbone flt: there is no backbone 'flt'. Did you mean 'flat'?", backbone="flt"),
    score("a slip before an encoder's file", "Did you mean 'flat'?", encoder="flta:mine.pth", backbone=""),
    score("a --backbone that no encoder needs", "every encoder names its own", encoder="flat:mine.pth"),
    score("a model of what is one network", "is one network", backbone="flat:small"),
    score("a backbone as an encoder", "write flat:FILE", encoder="flat", backbone=""),
    score("an encoder of another network", "has none of the backbone's 2 tensors", prepare=conv4),
    score("the same encoder twice", "mine.pth: backbone 'mine.pth' is listed twice", "mine.pth"),
    score(
        "a library's model without the name of its weights",
        "which weights? Write torchvision:resnet18:NAME",
        encoder="torchvision:resnet18",
        backbone="",
    ),
    score(
        "weights that a library does not have",
        "Did you mean 'IMAGENET1K_V1'?",
        encoder="torchvision:resnet18:IMAGENET1K_V7",
        backbone="",
    ),
    score("a path that a suite would read otherwise", "use another name", data="./my${name}"),
    score("a slip in --data", "--data blob: there is no such file or folder", data="blob"),
    score("a file that no data set reads", "no data set reads such a file", data="notes.txt", prepare=no_data),
    score(
        "an empty folder of data",
        "each class needs one with its pictures",
        data="pictures",
        prepare=lambda f: (f / "pictures").mkdir(),
    ),
    score("pictures without classes", "1 pictures, but no folders", data="pictures", prepare=pictures_without_classes),
    score("rows of numbers for an encoder of pictures", "flat takes images", data="table:mine.csv", prepare=table),
    score("rows of numbers as a list of pictures", "there is no column 'path'", data="mine.csv", prepare=table),
    score("a --size of what has its own", "leave --size out", "--size", "9"),
    score("a slip in --evaluators", "Did you mean 'nearest'?", "--evaluators", "nearst"),
    score("a slip in few-shot episodes", "are written '5-way 1-shot'", "--evaluators", "5way-1shot"),
    score("no evaluator", "name at least one", "--evaluators", ","),
    score("more ways than classes", "--evaluators 50-way 1-shot", "--evaluators", "50-way 1-shot"),
    Fault(
        "a suite where one is to be written",
        "already exists; nothing was written",
        lambda folder: (folder / "benchmarks.yaml").write_text("mine"),
        ("init",),
    ),
)
