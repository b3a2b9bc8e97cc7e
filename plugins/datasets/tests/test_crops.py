"""Random crops of streamed pictures: those of torchvision's RandomResizedCrop, of the whole picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from harness_datasets import ImageFolderConfig
from harness_datasets.decoding import read_crops
from harness_datasets.image_folder import ImageFolder
from harness_evaluators.supervision import batches
from harness_uniformity import Config as UniformityConfig
from harness_uniformity.evaluator import Uniformity
from PIL import Image, ImageOps
from scipy.stats import ks_2samp
from torch import nn
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import resized_crop

from harness import Augmentation, Data, Labelled, Method, StreamedImages, Trained, Views
from harness.learning.data.batches import Source
from harness.learning.data.draw import Draw
from harness.learning.data.transforms import boxes

NUMBER = 4000


@pytest.mark.parametrize(
    ("height", "width", "share"), [(375, 500, (0.08, 1.0)), (500, 281, (0.5, 1.0)), (120, 500, (0.2, 1.0))]
)
def test_boxes_are_distributed_as_torchvisions(height: int, width: int, share: tuple[float, float]) -> None:
    """The last two pictures are so narrow that often no box fits, and the one at the centre is taken."""
    picture = torch.empty(1, height, width)
    torch.manual_seed(0)
    theirs = np.array([RandomResizedCrop.get_params(picture, list(share), [3 / 4, 4 / 3]) for _ in range(NUMBER)])
    sides = [torch.full((NUMBER, 1), side) for side in (height, width)]
    draw = Draw(NUMBER, torch.Generator().manual_seed(0))
    ours = boxes(draw, share, sides[0], sides[1], centred=True).numpy()
    for name, of in (
        ("area", lambda box: box[:, 2] * box[:, 3] / (height * width)),
        ("ratio", lambda box: box[:, 3] / box[:, 2]),
        ("top", lambda box: box[:, 0] / height),
        ("left", lambda box: box[:, 1] / width),
        ("bottom", lambda box: (box[:, 0] + box[:, 2]) / height),
        ("right", lambda box: (box[:, 1] + box[:, 3]) / width),
    ):
        assert ks_2samp(of(ours), of(theirs)).pvalue > 0.01, name
    assert np.min(ours[:, :2]) >= 0
    assert np.max(ours[:, 0] + ours[:, 2]) == height
    assert np.max(ours[:, 1] + ours[:, 3]) == width
    if share != (0.08, 1.0):
        shares = [(found == centre(height, width)).all(1).mean() for found in (ours, theirs)]
        assert min(shares) > 0.01
        assert abs(shares[0] - shares[1]) < 0.03


def centre(height: int, width: int) -> tuple[int, ...]:
    """What torchvision takes where no box fits: with an area that none can have."""
    found = RandomResizedCrop.get_params(torch.empty(1, height, width), [2.0, 2.0], [3 / 4, 4 / 3])
    return tuple(map(int, found))


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_crop_is_what_torchvision_makes_of_the_file(name: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    wanted = np.array([[0, 0, 60, 90], [10, 40, 20, 25], [59, 89, 1, 1], [0, 7, 50, 60]])
    got = read_crops(tmp_path / name, wanted, 32)
    with Image.open(tmp_path / name) as picture:
        for crop, box in zip(got, wanted.tolist(), strict=True):
            assert np.array_equal(crop, np.asarray(resized_crop(picture, *box, [32, 32])))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_crops_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    (got,) = read_crops(tmp_path / "a.png", np.array([[1, 2, 6, 6]]), 6)
    stored = Image.fromarray(pixels[1:7, 2:8])
    stored.getexif()[0x0112] = orientation
    assert np.array_equal(got, np.asarray(ImageOps.exif_transpose(stored)))


def test_large_crops_of_large_photographs_keep_their_look(tmp_path: Path) -> None:
    """A JPEG that is decoded at a quarter of its size is about what averaging all of it gives."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    large = coarse.resize((700, 500), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    (got,) = read_crops(tmp_path / "large.jpg", np.array([[40, 120, 420, 560]]), 50)
    expected = np.asarray(large.crop((120, 40, 680, 460)).resize((50, 50), Image.Resampling.BOX)).astype(int)
    assert np.abs(got - expected).mean() < 2


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 24x72 whose left edge is red and whose right edge is green; the square between them is blue."""
    folder = tmp_path_factory.mktemp("wide") / "pictures"
    pixels = np.zeros((24, 72, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[:, :8] = (255, 0, 0)
    pixels[:, -8:] = (0, 255, 0)
    for split in ("train", "test"):
        for number in range(16):
            file = folder / split / "ab"[number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return folder


def source(folder: Path, monkeypatch: pytest.MonkeyPatch, rank: int = 0, ranks: int = 1) -> Source:
    monkeypatch.setenv("HARNESS_CACHE", str(folder.parent / "cache"))
    crops = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.0, gray=0.0)
    dataset = ImageFolder(ImageFolderConfig(path=folder, size=12, memory_gb=0.0, augmentation=crops), folder.parent)
    splits = dataset.load()
    return Source(Data.of(splits, dataset.modality(splits), torch.device("cpu")), 8, 0, rank, ranks)


def test_views_reach_the_edges_of_the_pictures_and_what_is_scored_is_the_centre(
    wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = source(wide, monkeypatch)
    views = torch.cat([Views(2).draw(drawn, step).flatten(0, 1) for step in range(24)])
    levels = views.amax((2, 3))
    for channel in (0, 1):
        seen = (levels[:, channel] > levels[:, channel].min() + 0.1).float().mean()
        assert 0.1 < seen < 0.5, channel
    for name in ("train", "test"):
        samples = drawn.data.split(name).samples[torch.arange(16)]
        assert samples[:, :2].max() == 0
        assert samples[:, 2].min() == 255


def test_what_evaluators_train_and_measure_on_reaches_the_edges_too(
    wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = source(wide, monkeypatch).data
    trained = Trained(Method(nn.Flatten(), None, data), data)
    measured = Uniformity(UniformityConfig(split="test", augment=Augmentation())).views(trained).flatten(0, 1)
    seen = [batch.inputs for batch in batches(data, data.train, torch.arange(16), 8, 8, seed=0)]
    again = [batch.inputs for batch in batches(data, data.train, torch.arange(16), 8, 8, seed=0)]
    assert all(torch.equal(one, other) for one, other in zip(seen, again, strict=True))
    for views in (torch.cat(seen), measured.unflatten(1, (3, 12, 12))):
        red = views[:, 0].amax((1, 2))
        assert 0.05 < (red > red.min() + 0.01).float().mean() < 0.6


def test_views_are_a_function_of_the_step(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = source(wide, monkeypatch), source(wide, monkeypatch)
    for kind in (Views(2), Labelled()):
        forth = [kind.draw(one, step) for step in range(5)]
        back = [kind.draw(other, step) for step in (4, 2, 3, 0, 1)]
        for number, step in enumerate((4, 2, 3, 0, 1)):
            for mine, its in zip(forth[step], back[number], strict=True):
                assert torch.equal(mine, its)
    assert not torch.equal(*Views(2).draw(one, 0))


def test_each_of_two_devices_draws_its_part_of_the_crops(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = source(wide, monkeypatch), [source(wide, monkeypatch, rank, 2) for rank in (0, 1)]
    for step in range(3):
        got = torch.cat([Views(2).draw(part, step) for part in parts], 1)
        assert torch.equal(Views(2).draw(whole, step), got)


def test_a_file_is_read_once_for_all_views_and_ahead(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = source(wide, monkeypatch)
    samples = drawn.data.train.samples
    assert isinstance(samples, StreamedImages)
    read, read_parts = [], samples.read_parts
    assert read_parts is not None
    monkeypatch.setattr(samples, "read_parts", lambda place, boxes: (read.append(place), read_parts(place, boxes))[1])
    for step in range(4):
        Views(2).draw(drawn, step)
    for waiting in samples._pending.values():
        waiting.wait()
    assert sorted(read) == sorted([*range(16)] * 3)  # two epochs, and the two steps that come next


def test_plain_views_are_whole_and_read_ahead_beside_the_crops(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, crops = source(wide, monkeypatch), source(wide, monkeypatch)
    samples = drawn.data.train.samples
    assert isinstance(samples, StreamedImages)
    read, read_whole = [], samples.read
    monkeypatch.setattr(samples, "read", lambda place: (read.append(place), read_whole(place))[1])
    for step in range(4):
        views = Views(3, plain=1).draw(drawn, step)
        assert torch.equal(views[0], crops.data.inputs(crops.samples(step)))
        assert torch.equal(views[1:], Views(2).draw(crops, step))
    for waiting in samples._pending.values():
        waiting.wait()
    assert sorted(read) == sorted([*range(16)] * 3)  # two epochs, and the two steps that come next


def test_without_random_crops_nothing_else_is_read(wide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = source(wide, monkeypatch)
    plain = Views(1, Augmentation(crop=(1.0, 1.0), flip=0.0))
    squeezed = plain.draw(drawn, 0)  # no box of an allowed aspect has the whole area, so it is that of the centre
    assert squeezed[:, :, 2].min() == squeezed[:, :, 2].max()
    modality = drawn.data.modality
    assert (
        modality.parts(drawn.data.train.samples[torch.arange(2)], torch.arange(2), Draw(2, torch.Generator())) is None
    )
