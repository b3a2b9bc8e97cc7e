"""A user's own pictures: classes, sizes, what is left out, what cannot be read, and when the identity changes."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig, image_folder
from harness_datasets.decoding import read_picture
from harness_datasets.image_folder import ImageFolder
from PIL import Image, ImageOps

from harness import UsageError, UsageWarning
from harness.plugins.options import identity_of
from tests.image_folders import COLOURS, load, paint, prepared


def test_folders_are_classes(pictures: Path, tmp_path: Path) -> None:
    splits = load(pictures, tmp_path, size=8)
    assert {name: len(split) for name, split in splits.items()} == {"train": 4, "test": 1, "novel": 6}
    assert splits["train"].classes == splits["test"].classes == ("green", "red")
    assert splits["test"].labels.tolist() == [0]
    assert splits["novel"].classes == ("blue", "white")
    for split in splits.values():
        assert split.samples.shape[1:] == (3, 8, 8)
        for image, label in zip(split.samples, split.labels, strict=True):
            expected = torch.tensor(COLOURS[split.classes[label]])
            assert (image.float().mean((1, 2)) - expected).abs().max() < 4  # JPEG is not exact


def test_the_centre_is_kept(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    for number in range(2):
        (tmp_path / "p/train/a").mkdir(parents=True, exist_ok=True)
        Image.fromarray(wide).save(tmp_path / f"p/train/a/{number}.png")
    splits = load(tmp_path / "p", tmp_path, size=10)
    assert splits["train"].samples.min() == 255


def test_grey_pictures_have_one_channel_and_are_not_flipped(tmp_path: Path) -> None:
    paint(tmp_path / "p/train/a/1.png", 90, mode="L")
    paint(tmp_path / "p/train/b/1.png", 1, mode="1")
    dataset = ImageFolder(ImageFolderConfig(path=tmp_path / "p", size=4), tmp_path)
    splits = dataset.load()
    assert splits["train"].samples.shape[1:] == (1, 4, 4)
    assert splits["train"].samples[:, 0, 0, 0].tolist() == [90, 255]
    assert dataset.augmentation.flip is None


@pytest.mark.parametrize(
    ("sides", "size", "said"),
    [
        ([(32, 32)] * 4, 32, "squares of 32 pixels"),
        ([(28, 40), (40, 28), (28, 28), (90, 200)], 28, "squares of 28 pixels, resized from 28 to 90"),  # most
        ([(20, 20), (30, 30), (40, 50), (70, 60)], 30, "squares of 30 pixels, resized from 20 to 60"),  # the median
        ([(500, 375)] * 4, 84, "squares of 84 pixels, resized from 375"),
    ],
)
@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
def test_without_a_size_pictures_keep_theirs_up_to_84(
    sides: list[tuple[int, int]], size: int, said: str, memory_gb: float, tmp_path: Path
) -> None:
    for number, side in enumerate(sides):
        paint(tmp_path / f"p/{'train' if number < 3 else 'test'}/a/{number}.png", (200, number, 0), side)
    dataset = ImageFolder(ImageFolderConfig(path=tmp_path / "p", memory_gb=memory_gb), tmp_path / "cache")
    splits = dataset.load()
    assert {split.samples.shape[1:] for split in splits.values()} == {(3, size, size)}
    assert dataset.notes[0] == said
    larger = any(side != (size, size) for side in sides)
    assert dataset.notes[1:] == (("random crops are of the whole pictures",) if larger and not memory_gb else ())


def test_a_size_that_is_given_is_kept_and_said(pictures: Path) -> None:
    assert prepared(pictures.parent, "path: pictures, size: 84")["read"] == [
        "image_folder (path=pictures, size=84): train 4 samples of 2 classes, test 1 of 2, novel 6 of 2; "
        "squares of 84 pixels, resized from 10"
    ]


def test_a_size_that_is_given_leaves_the_identity_as_it_was(tmp_path: Path) -> None:
    """Results that people have kept are no longer found if this fails."""
    for name, content in (("train/a/1.png", b"one"), ("train/b/1.png", b"two"), ("test/a/1.jpg", b"three")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    config = ImageFolderConfig(path=tmp_path, size=8)
    assert config.fingerprint() == "3-1168ceda635ca9402d8486eb95620bb840e3a236b47b4bb9615bfcdcd456db5a"
    identity = identity_of(config)
    assert identity.pop("augmentation")
    assert identity == {"size": 8}


def test_pictures_are_decoded_once(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(pictures, tmp_path, size=8)
    monkeypatch.setattr(image_folder, "read_picture", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(load(pictures, tmp_path, size=8)["train"].samples, first["train"].samples)


def test_a_changed_picture_changes_the_fingerprint(pictures: Path) -> None:
    config = ImageFolderConfig(path=pictures)
    before = config.fingerprint()
    (pictures / ".hidden/thumbnail.png").write_bytes(b"x")
    assert config.fingerprint() == before
    paint(pictures / "train/red/0.png", (1, 2, 3))
    assert config.fingerprint() != before


def test_what_is_behind_links_is_read_and_identified(tmp_path: Path) -> None:
    """Splits, classes and pictures may be links; listing and fingerprint see the same."""
    for name, colour in (("one", (200, 0, 0)), ("other", (0, 0, 200))):
        for kind in ("a", "b"):
            paint(tmp_path / name / kind / "0.png", colour)
        (tmp_path / f"set-{name}").mkdir()
        (tmp_path / f"set-{name}/train").symlink_to(tmp_path / name)
    one, other = (ImageFolderConfig(path=tmp_path / f"set-{name}", size=4) for name in ("one", "other"))
    assert one.fingerprint() != other.fingerprint()
    red, blue = (ImageFolder(config, tmp_path / "cache").load()["train"].samples for config in (one, other))
    assert red[:, 0].float().mean() > 150
    assert blue[:, 0].float().mean() < 50
    before = one.fingerprint()
    paint(tmp_path / "one/a/0.png", (1, 2, 3))  # behind the link
    assert one.fingerprint() != before
    before = one.fingerprint()
    paint(tmp_path / "elsewhere.png", (9, 9, 9))
    (tmp_path / "one/a/1.png").symlink_to(tmp_path / "elsewhere.png")
    assert one.fingerprint() != before
    (tmp_path / "one/c").symlink_to(tmp_path / "other/a")  # a class
    assert load(tmp_path / "set-one", tmp_path, size=4)["train"].classes == ("a", "b", "c")


def test_other_files_do_not_change_the_fingerprint(pictures: Path) -> None:
    before = ImageFolderConfig(path=pictures).fingerprint()
    for name in ("README.txt", "train/Thumbs.db", "train/red/Thumbs.db", "train/red/notes.md"):
        (pictures / name).write_text("no picture")
    assert ImageFolderConfig(path=pictures).fingerprint() == before


def test_what_is_left_out_is_said_with_numbers(pictures: Path, tmp_path: Path) -> None:
    paint(pictures / "train/red/more/1.png", 0)
    paint(pictures / "train/red/more/deeper/2.png", 0)
    paint(pictures / "train/3.png", 0)
    (pictures / "train/green/4.heic").write_bytes(b"x")
    (pictures / "train/green/Thumbs.db").write_bytes(b"x")
    expected = (
        "1 beside the folders of classes, 2 in folders below a class, 1 of the ending '.heic', 1 of the ending '.txt'"
    )
    with pytest.warns(UsageWarning, match=rf"files of 'train' that are left out: {expected}\.$"):
        load(pictures, tmp_path)
    for file in (pictures / "train/green").iterdir():
        file.unlink()
    (pictures / "train/green/4.heic").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"train/green has no pictures .*; 1 file is of the ending '.heic'"):
        load(pictures, tmp_path)


def test_jfif_is_a_jpeg(pictures: Path, tmp_path: Path) -> None:
    (pictures / "train/red/1.jpg").rename(pictures / "train/red/1.jfif")
    assert len(load(pictures, tmp_path, size=4)["train"]) == 4


def test_the_same_letters_in_other_bytes_are_the_same_class(pictures: Path, tmp_path: Path) -> None:
    composed, decomposed = "gr\u00fcn", "gru\u0308n"
    (pictures / "train/green").rename(pictures / f"train/{composed}")
    (pictures / "test/green").rename(pictures / f"test/{decomposed}")
    assert load(pictures, tmp_path, size=4)["test"].classes == (composed, "red")
    paint(pictures / f"train/{decomposed}/0.png", 0)
    with pytest.raises(UsageError, match="has two folders 'gr\u00fcn', whose names are the same letters"):
        load(pictures, tmp_path)


def test_a_name_that_is_no_text_is_named(pictures: Path, tmp_path: Path) -> None:
    bad = os.fsencode(pictures / "train/red") + b"/\xff.png"
    with open(bad, "wb") as file:  # noqa: PTH123 (a name that pathlib cannot write either)
        file.write((pictures / "train/red/0.png").read_bytes())
    with pytest.raises(UsageError, match=r"train/red has a file '\\udcff.png', whose name is not UTF-8; rename it"):
        load(pictures, tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(orientation: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    expected = ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))
    assert np.array_equal(read_picture(tmp_path / "a.png", 6), np.asarray(expected))


def test_odd_exif_beside_the_orientation_does_not_matter(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    # a little-endian TIFF header and two entries: orientation 6, and an XResolution whose bytes are a signed -72 / 1
    entries = struct.pack("<H", 2) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x011A, 10, 1, 38)
    exif = b"II*\0" + struct.pack("<I", 8) + entries + struct.pack("<I", 0) + struct.pack("<ii", -72, 1)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=b"Exif\0\0" + exif)
    assert np.array_equal(read_picture(tmp_path / "a.png", 6), np.rot90(pixels, -1))


def test_unreadable_pictures_are_named(pictures: Path, tmp_path: Path) -> None:
    broken = pictures / "train/red/5.png"
    broken.write_bytes((pictures / "train/red/0.png").read_bytes()[:40])
    with pytest.raises(UsageError, match=r"train/red/5\.png cannot be read as a picture"):
        load(pictures, tmp_path)
    broken.write_text("no picture at all")
    with pytest.raises(UsageError, match=r"train/red/5\.png cannot be read as a picture"):
        load(pictures, tmp_path)
    assert not list(tmp_path.glob("*.npz"))


def test_wrong_folders_are_explained(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        ImageFolderConfig(path=tmp_path / "none").fingerprint()
    paint(pictures / "tests/red/0.png", 0)
    with pytest.raises(UsageError, match=r"tests is not a split\. Did you mean 'test'"):
        load(pictures, tmp_path)
    (pictures / "tests").rename(pictures / "val")
    (pictures / "test").rename(pictures / "dev")
    with pytest.raises(UsageError, match=r"pictures has 'dev' and 'val'; only one of them can be the split 'test'"):
        load(pictures, tmp_path)
    (pictures / "dev").rename(pictures / "test")
    (pictures / "val").rename(tmp_path / "away")
    paint(pictures / "test/purple/0.png", 0)
    with pytest.raises(UsageError, match="class 'purple' is in 'test' but not in 'train'"):
        load(pictures, tmp_path)
    (pictures / "test/purple").rename(pictures / "novel/red")
    with pytest.raises(UsageError, match="class 'red' is in 'train' and in 'novel'"):
        load(pictures, tmp_path)
    (pictures / "novel/red/0.png").unlink()
    with pytest.raises(UsageError, match="novel/red has no pictures"):
        load(pictures, tmp_path)
    (pictures / "train").rename(tmp_path / "gone")
    with pytest.raises(UsageError, match="needs a folder 'train'"):
        load(pictures, tmp_path)


def test_the_size_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        ImageFolderConfig(path=Path("x"), size=0)
