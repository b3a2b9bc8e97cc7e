"""A user's own pictures."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig, image_folder
from harness_datasets.decoding import read_picture
from harness_datasets.image_folder import ImageFolder
from PIL import Image, ImageOps

from harness import Streamed, UsageError, UsageWarning
from harness.base.checkpoint_interval import Interval
from harness.plugins.options import identity_of
from harness.plugins.registry import registry
from harness.running.cell_job import CellJob
from harness.running.prepare import prepare
from harness.running.run_cell import run_cell
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.planfile import PlanFile
from harness.suite.suite import load_suite

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200), "white": (255, 255, 255)}


def paint(file: Path, colour: Any, size: tuple[int, int] = (20, 10), mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "harness cache"))


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


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for split, names, endings in (
        ("train", ("red", "green"), ("png", "jpg")),
        ("test", ("green",), ("png",)),
        ("novel", ("blue", "white"), ("bmp", "png", "JPG")),
    ):
        for name in names:
            for number, ending in enumerate(endings):
                paint(folder / split / name / f"{number}.{ending}", COLOURS[name])
    (folder / "train" / "red" / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    return folder


def load(path: Path, cache: Path, **options: Any) -> Any:
    return ImageFolder(ImageFolderConfig(path=path, **options), cache).load()


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


def test_transparency_becomes_white_and_sixteen_bits_keep_their_range(tmp_path: Path) -> None:
    glyph = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    glyph.paste((0, 0, 0, 255), (2, 2, 6, 6))
    glyph.save(tmp_path / "alpha.png")
    pixels = read_picture(tmp_path / "alpha.png", 8)
    assert (pixels[0, 0] == 255).all()
    assert (pixels[3, 3] == 0).all()
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png", 8)[..., 0], (ramp // 257).astype(np.uint8))
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(
        UsageError, match=r"float\.tiff cannot be read as a picture: its pixels are floats, whose range"
    ):
        read_picture(tmp_path / "float.tiff", 8)


def deep(file: Path, most: int, kind: Any = np.uint16) -> None:
    """A grey picture of so many values."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, most, 64).astype(kind).reshape(8, 8)
    if file.suffix == ".pgm":
        file.write_bytes(b"P5 8 8 65535\n" + ramp.astype(">u2").tobytes())
    else:
        Image.fromarray(ramp).save(file)


def wide(file: Path, most: int) -> None:
    """A PNG of 16 bits a value in colour, which Pillow does not write."""
    rows = np.linspace(0, most, 192).astype(">u2").reshape(8, 24)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    )
    chunks = [struct.pack(">I", len(x)) + name + x + struct.pack(">I", zlib.crc32(name + x)) for name, x in parts]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize("memory_gb", [4.0, 0.0])
@pytest.mark.parametrize(
    ("name", "kind", "most", "bits"),
    [
        ("png", np.uint16, 4095, 12),
        ("tif", np.uint16, 1000, 10),
        ("png", np.uint16, 255, 8),
        ("tif", np.int32, 16000, 14),
        ("pgm", np.uint16, 65535, 16),
    ],
)
def test_pictures_of_more_than_8_bits_use_the_range_of_the_set(
    name: str, kind: Any, most: int, bits: int, memory_gb: float, tmp_path: Path
) -> None:
    """One range for all splits, so that brightness means the same in all of them."""
    deep(tmp_path / f"p/train/a/dark.{name}", most // 2, kind)
    deep(tmp_path / f"p/test/a/bright.{name}", most, kind)
    dataset = ImageFolder(ImageFolderConfig(path=tmp_path / "p", memory_gb=memory_gb), tmp_path / "cache")
    splits = {split: part.samples[torch.arange(1)][0, 0] for split, part in dataset.load().items()}
    for split, top in (("train", most // 2), ("test", most)):
        expected = np.linspace(0, top, 64).astype(np.int64).reshape(8, 8) * 255 // (2**bits - 1)
        np.testing.assert_array_equal(splits[split].numpy(), expected)
    assert dataset.notes == ("squares of 8 pixels", f"16-bit values from 0 to {2**bits - 1:,} become 0 to 255")


def test_colour_of_16_bits_that_uses_few_is_warned_of(tmp_path: Path) -> None:
    wide(tmp_path / "p/train/a/0.png", 4095)
    with pytest.warns(
        UsageWarning, match=r"16 bits a value and use 12 of them; .* 16 levels are left\. Save them with 8"
    ):
        load(tmp_path / "p", tmp_path)
    wide(tmp_path / "p/train/a/1.png", 65535)
    with warnings.catch_warnings(action="error"):
        assert load(tmp_path / "p", tmp_path)["train"].samples.max() == 255


@pytest.mark.parametrize(("kind", "said"), [(np.float32, "its pixels are floats"), (np.int32, "it has values below 0")])
def test_values_without_a_range_are_refused_before_anything_is_streamed(kind: Any, said: str, tmp_path: Path) -> None:
    deep(tmp_path / "p/train/a/0.tif", -100, kind)
    with pytest.raises(UsageError, match=rf"0\.tif cannot be read as a picture: {said}"):
        load(tmp_path / "p", tmp_path, memory_gb=0.0)


def test_what_is_read_otherwise_now_has_another_identity(tmp_path: Path) -> None:
    """Only grey pictures of 16 bits are; before, results of theirs had the digest of their content alone."""
    content = {}
    for name, make in (("grey.png", deep), ("grey.tif", deep), ("colour.png", wide), ("eight.png", None)):
        file = tmp_path / name.partition(".")[0] / "train/a" / name
        if make is None:
            paint(file, 7, mode="L")
        else:
            make(file, 4095)
        content[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        plain = hashlib.sha256(f"train/a/{name}\0{content[name]}\n".encode()).hexdigest()
        same = ImageFolderConfig(path=file.parent.parent.parent).fingerprint() == f"3-{plain}"
        assert same == (not name.startswith("grey")), name
        file.unlink()


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Two classes of pictures in colour, grey and transparent, of several sizes, kinds and orientations."""
    generator = np.random.default_rng(0)
    for split, number in (("train", 16), ("test", 6)):
        for name in ("a", "b"):
            folder = tmp_path / "noise" / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                height, width = generator.integers(9, 70, 2)
                picture = Image.fromarray(generator.integers(0, 256, (height, width, 4), dtype=np.uint8))
                mode, ending = (("RGB", "jpg"), ("L", "jpg"), ("RGBA", "png"), ("L", "png"), ("P", "png"))[i % 5]
                exif = Image.Exif()
                exif[0x0112] = 1 + i % 8
                picture.convert("RGB").convert(mode).save(folder / f"{i}.{ending}", exif=exif)
    return tmp_path / "noise"


@pytest.mark.parametrize("colour", [True, False])
def test_streamed_pictures_are_those_in_memory(noise: Path, tmp_path: Path, colour: bool) -> None:
    if not colour:
        for file in noise.rglob("*.*"):
            with Image.open(file) as picture:
                grey = picture.convert("L").convert("RGB" if file.name.startswith("1") else "L")
            grey.save(file)
    memory, streamed = (
        ImageFolder(ImageFolderConfig(path=noise, size=12, memory_gb=gb), tmp_path / "cache") for gb in (4.0, 0.0)
    )
    expected, got = memory.load(), streamed.load()
    assert list(got) == ["train", "test"]
    assert streamed.augmentation == memory.augmentation
    for name, split in got.items():
        assert isinstance(split.samples, Streamed)
        assert split.samples.shape[1:] == expected[name].samples.shape[1:] == (3 if colour else 1, 12, 12)
        assert split.classes == expected[name].classes
        assert torch.equal(split.labels, expected[name].labels)
        assert torch.equal(split.samples[torch.arange(len(split))], expected[name].samples)


def test_streaming_reads_no_more_than_it_must_and_caches_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(
        image_folder, "read_picture", lambda file, *rest: (read.append(file), read_picture(file, *rest))[1]
    )
    splits = load(pictures, tmp_path / "cache", size=8, memory_gb=11 * 3 * 64 / 1e9)
    assert isinstance(splits["train"].samples, torch.Tensor)  # it just fits
    read.clear()
    splits = load(pictures, tmp_path / "other", size=8, memory_gb=10 * 3 * 64 / 1e9)
    assert isinstance(splits["train"].samples, Streamed)
    assert len(read) == 1  # the first picture has colour
    assert not (tmp_path / "other").exists()


def test_a_picture_that_cannot_be_streamed_is_named(pictures: Path, tmp_path: Path) -> None:
    images = load(pictures, tmp_path, memory_gb=0.0)["train"].samples
    (pictures / "train/red/0.png").write_text("no picture at all")
    (pictures / "train/red/1.jpg").unlink()
    for place, name in ((2, r"train/red/0\.png"), (3, r"train/red/1\.jpg")):
        with pytest.raises(UsageError, match=f"{name} cannot be read as a picture"):
            images[torch.tensor([place])]
    assert images[torch.tensor([0, 1])].shape == (2, 3, 10, 10)


def test_memory_changes_the_identity_where_the_files_hold_more_than_squares(noise: Path) -> None:
    """Nothing is looked at for it unless the set may be too large."""

    def fingerprint(**options: Any) -> str:
        return ImageFolderConfig(path=noise, **options).fingerprint()

    memory = fingerprint(size=16)
    assert fingerprint(size=8) == fingerprint() == memory
    assert fingerprint(size=16, memory_gb=0.0) == fingerprint(memory_gb=0.0) == memory.replace("3-", "3-whole-")
    assert fingerprint(memory_gb=44 * 3 * 84**2 / 1e9) == memory
    for number, file in enumerate(noise.rglob("*.*")):
        paint(file, number, (16, 16), "L")
    assert fingerprint(size=16, memory_gb=0.0) == fingerprint(size=16)
    assert fingerprint(size=8, memory_gb=0.0) == fingerprint(size=8).replace("3-", "3-whole-")


def test_memory_changes_neither_the_cell_nor_the_result_of_squares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, noise = np.random.default_rng(0), tmp_path / "noise"
    for split in ("train", "test"):
        for number in range(12):
            file = noise / split / "ab"[number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file)
    suite = """\
name: toy
matrix:
  method: [supervised]
  backbone: [conv4]
  dataset: [{use: image_folder, path: PATH, size: 16, memory_gb: GB}]
budget: {steps: 5, batch_size: 8}
evaluators:
  knn: {k: 3}
"""
    found = []
    for gb in ("4", "0"):
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / f"cache {gb}"))
        (tmp_path / "suite.yaml").write_text(suite.replace("PATH", str(noise)).replace("GB", gb))
        plan = Plan.of(load_suite(tmp_path / "suite.yaml", registry()))
        store = Store(tmp_path / gb)
        path = store.write_plan(plan)
        prepare(path)
        assert json.loads(store.findings(path).read_text())["errors"] == []
        (id_,) = plan.cells
        planned = PlanFile(path, registry())
        folder = store.cell(id_)
        done = run_cell(CellJob(planned, planned.cell(id_), folder, torch.device("cpu"), threads=1, every=Interval()))
        assert done.status == "ok"
        scores = [json.loads(file.read_text())["metrics"] for file in store.cell(id_).folder.glob("evaluations/*.json")]
        found.append((id_, scores, store.cell(id_).steps.read_text()))
        assert len(list((tmp_path / f"cache {gb}").rglob("*.npz"))) == (gb == "4")
    assert found[0] == found[1]


def test_large_photographs_keep_their_look(tmp_path: Path) -> None:
    """A JPEG that is decoded at a quarter of its size is about what averaging all of it gives."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    large = coarse.resize((700, 500), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    expected = np.asarray(large.crop((100, 0, 600, 500)).resize((50, 50), Image.Resampling.BOX)).astype(int)
    assert np.abs(read_picture(tmp_path / "large.jpg", 50) - expected).mean() < 2
