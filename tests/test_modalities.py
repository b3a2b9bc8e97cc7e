"""Kinds of samples: one that the harness has never heard of, vectors and texts train, resume, stream and are scored."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast
from unittest import mock

import pytest
import torch
from harness_evaluators import FewShotConfig, KNNConfig
from harness_evaluators.fewshot import FewShot
from harness_evaluators.knn import KNN
from harness_protonet import Config as ProtoNetConfig
from harness_protonet.method import ProtoNet
from harness_simclr import Config as SimCLRConfig
from harness_simclr.method import SimCLR
from torch import Tensor, nn

from harness import (
    Augmentation,
    Data,
    Draw,
    Images,
    ImageShape,
    Labelled,
    Method,
    NoOptions,
    Preprocessing,
    Source,
    Split,
    Streamed,
    Text,
    Trained,
    UsageError,
    Vectors,
    Views,
)
from harness.base.checkpoint_interval import Interval
from harness.learning.building import as_taken
from harness.learning.data.duplicates import shared_with, shared_with_train
from harness.learning.training import train
from harness.plugins.manager import installed_plugins
from harness.plugins.registry import registry
from harness.suite.budget import Budget
from harness.testing import check_backbone, check_dataset, check_method, check_modality
from harness.testing.problem import image_data
from tests import pages

CPU = torch.device("cpu")


PROJECT = """\
[project]
name = "sounds"
version = "1.0"
dependencies = []
[project.entry-points.harness]
sounds = "sounds"
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The plugin that docs/plugins/modality.md shows, as if it were installed."""
    folder = tmp_path_factory.mktemp("sounds")
    pages.place({**pages.files("plugins/modality.md"), "pyproject.toml": PROJECT}, folder)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    with mock.patch.object(sys, "path", [str(folder), *sys.path]), mock.patch.dict(os.environ, {"PYTHONPATH": path}):
        installed_plugins.cache_clear()
        registry.cache_clear()
        yield __import__("sounds_parts")
    installed_plugins.cache_clear()
    registry.cache_clear()


@pytest.fixture(scope="module")
def tones(sounds: ModuleType) -> Data:
    dataset = sounds.Tones(NoOptions(), Path())
    splits = dataset.load()
    return Data.of(splits, dataset.modality(splits), CPU)


def simclr(sounds: ModuleType, data: Data) -> Method:
    torch.manual_seed(0)
    return SimCLR(sounds.Waves(NoOptions(), data.modality.shape), SimCLRConfig(projection_dim=16), data)


def protonet(sounds: ModuleType, data: Data) -> Method:
    torch.manual_seed(0)
    return ProtoNet(sounds.Waves(NoOptions(), data.modality.shape), ProtoNetConfig(ways=4), data)


@pytest.mark.usefixtures("sounds")
def test_the_pages_plugin_conforms() -> None:
    check_modality("tones")
    check_dataset("tones")
    check_backbone("waves", data="tones")
    check_method("simclr", projection_dim=16, data="tones", backbone="waves")
    with pytest.raises(UsageError, match="data need a backbone"):
        check_method("simclr", data="tones")


def fit(method: Method, data: Data, checkpoint: Path, rate: float = 3e-3) -> list[float]:
    losses: list[float] = []
    budget = Budget(steps=40, batch_size=64, optimizer="adam", lr=rate)
    train(method, Source(data, 64, 0), budget, checkpoint, lambda *said: losses.append(said[2]["loss"]))
    return losses


@pytest.mark.parametrize("build", [simclr, protonet])
def test_a_kind_of_sample_that_the_harness_does_not_know_is_learned(
    build: Callable[..., Method], sounds: ModuleType, tones: Data, tmp_path: Path
) -> None:
    def scores(rate: float) -> tuple[float, float]:
        method = build(sounds, tones)
        fit(method, tones, tmp_path / "never", rate)
        trained = Trained(method.eval(), tones)
        few, near = FewShot(FewShotConfig(ways=4, episodes=100)), KNN(KNNConfig(k=20))
        for evaluator in (few, near):
            evaluator.check(method, tones)
        return few.evaluate(trained)["accuracy"].value, near.evaluate(trained)["accuracy"].value

    learned, still = scores(3e-3), scores(1e-9)
    assert learned[0] > still[0] + 0.1
    assert learned[1] > still[1]


def test_it_resumes_bit_for_bit(sounds: ModuleType, tones: Data, tmp_path: Path) -> None:
    whole, stopped, resumed = (simclr(sounds, tones) for _ in range(3))
    losses = fit(whole, tones, tmp_path / "never")

    def stop(step: int, steps: int) -> None:  # noqa: ARG001 (the hook's signature)
        if step == 15:
            raise KeyboardInterrupt

    stopped.after_step = stop  # type: ignore[method-assign]
    checkpoint = tmp_path / "checkpoint"
    budget = Budget(steps=40, batch_size=64, optimizer="adam", lr=3e-3)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, Source(tones, 64, 0), budget, checkpoint, lambda *_: None, every=Interval(steps=5))
    assert fit(resumed, tones, checkpoint) == losses[15:]
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("batches", [Views(2), Views(2, plain=1), Labelled()], ids=["views", "plain", "labelled"])
def test_it_streams(batches: Views | Labelled, tones: Data) -> None:
    samples = cast(Tensor, tones.train.samples)
    read = Streamed(lambda place: samples[place].numpy(), tuple(samples.shape), dtype=torch.int16)
    streamed = Data.of({"train": tones.train.with_samples(read)}, tones.modality, CPU)
    for step in (0, 1, 2, 7, 1):
        expected, found = (batches.draw(Source(data, 32, 3), step) for data in (tones, streamed))
        for one, other in zip(expected, found, strict=True):
            assert torch.equal(one, other)


def test_views_of_several_devices_are_those_of_one(tones: Data) -> None:
    whole = Views(2).draw(Source(tones, 32, 0), 3)
    parts = [Views(2).draw(Source(tones, 32, 0, rank, 2), 3) for rank in range(2)]
    assert torch.equal(torch.cat(parts, 1), whole)


def test_augmentation_of_pictures_is_refused_elsewhere(tones: Data) -> None:
    with pytest.raises(UsageError, match="Augmentation cannot be used for sound: leave 'augment' out"):
        Views(2, Augmentation(flip=0.5)).check(Source(tones, 32, 0))
    Views(2, Augmentation()).check(Source(tones, 32, 0))


def vectors(corruption: float = 0.6) -> tuple[Data, Tensor]:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(500, 6, generator=generator) * torch.tensor([1, 2, 3, 4, 5, 0]) + 7
    split = Split(samples, torch.arange(500) % 3, "abc")
    return Data.of({"train": split}, Vectors.of(samples, corruption), CPU), samples


def test_a_plain_view_of_vectors_has_no_value_of_others_and_the_random_ones_stay() -> None:
    data, samples = vectors()
    source = Source(data, 32, 0)
    views = Views(3, plain=1).draw(source, 2)
    assert torch.equal(views[0], data.inputs(samples[source.indices(2)]))
    assert torch.equal(views[1:], Views(2).draw(source, 2))
    assert not torch.equal(views[0], views[1])


def test_vectors_are_standardised_and_a_constant_column_stays_finite() -> None:
    data, samples = vectors()
    inputs = data.inputs(samples).double()
    torch.testing.assert_close(inputs.mean(0), torch.zeros(6, dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std(0, correction=0)[:5], torch.ones(5, dtype=torch.float64), atol=1e-5, rtol=0)
    assert (inputs[:, 5] == 0).all()


def test_a_view_of_vectors_has_values_of_other_samples_in_the_same_columns() -> None:
    data, samples = vectors(corruption=0.3)
    modality = cast(Vectors, data.modality)
    view = modality.view(samples, Draw(500, torch.Generator().manual_seed(1))) * modality.std + modality.mean
    changed = ~torch.isclose(view, samples, atol=1e-4)
    assert abs(float(changed[:, :5].float().mean()) - 0.3) < 4 * (0.21 / 2500) ** 0.5
    for column in range(5):
        values = view[changed[:, column], column]
        assert torch.isclose(values[:, None], samples[None, :, column], atol=1e-4).any(1).all()


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (torch.zeros(5, 2, dtype=torch.float64), "vectors must be float32 (N, D), not torch.float64 (5, 2)"),
        (torch.zeros(5, 2, 2), "vectors must be float32 (N, D), not torch.float32 (5, 2, 2)"),
        (torch.full((5, 2), float("nan")), "vectors must be finite"),
        (["a", "b"], "vectors must be float32 (N, D), not texts"),
    ],
)
def test_what_are_no_vectors_is_refused(samples: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Vectors.of(samples)
    assert said in str(caught.value)


class Letters(nn.Module):
    """Counts letters: its tokens are the bytes of a text."""

    feature_dim = 256

    def tokenize(self, texts: list[str]) -> Tensor:
        rows = [torch.tensor(list(text.encode()), dtype=torch.int64) for text in texts]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        return nn.functional.one_hot(tokens, 256).float().sum(1)


def test_texts_become_tokens_once_and_are_scored() -> None:
    texts = ["aaab", "aab", "zzz", "zz", "az" * 3]
    splits = {
        "train": Split(texts, torch.tensor([0, 0, 1, 1, 0]), ("a", "z")),
        "test": Split(("aaaa", "zzzz"), torch.tensor([0, 1]), ("a", "z")),
    }
    data = Data.of(splits, Text(), CPU)
    with pytest.raises(UsageError, match="no `tokenize`"):
        Views(2).draw(Source(data, 2, 0), 0)
    assert shared_with_train(data) == {}
    taken = as_taken(Letters(), data)
    assert taken.train.samples.shape == (5, 6)  # type: ignore[union-attr]  # tokens now
    views = Views(2).draw(Source(taken, 2, 0), 0)
    assert views.dtype == torch.int64
    assert torch.equal(*views)
    trained = Trained(Method(Letters(), None, taken).eval(), taken)
    assert KNN(KNNConfig(k=1)).evaluate(trained)["accuracy"].value == 1.0
    again = Data.of({**splits, "test": splits["train"]}, Text(), CPU)
    assert shared_with_train(again) == {"test": 5}
    with pytest.raises(UsageError, match="the split 'train': texts must be a sequence of str"):
        Data.of({"train": Split([1, 2])}, Text(), CPU)  # type: ignore[list-item]  # that is the point


def test_what_needs_labels_says_so_where_there_are_none(tones: Data) -> None:
    data = replace(tones, splits={"train": Split(tones.train.samples), "novel": tones.split("novel")})
    Views(2).check(Source(data, 32, 0))
    with pytest.raises(UsageError, match="the split 'train' has no labels"):
        Labelled().check(Source(data, 32, 0))
    with pytest.raises(UsageError, match="no labels"):
        protonet_batches(tones).check(Source(data, 32, 0))


def protonet_batches(data: Data) -> Any:
    return ProtoNet(Letters(), ProtoNetConfig(ways=4), data).batches


def test_columns_have_a_row_for_each_sample_and_go_along(tones: Data) -> None:
    column = torch.arange(len(tones.train))
    split = Split(tones.train.samples, columns={"domain": column}).to(CPU)
    assert torch.equal(split.column("domain"), column)
    with pytest.raises(UsageError, match="no column 'domian'; it has domain"):
        split.column("domian")
    with pytest.raises(UsageError, match="the column 'domain' must be a tensor of 160 rows"):
        Split(tones.train.samples, columns={"domain": column[1:]})


def pictures(shape: tuple[int, int, int], number: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, *shape), generator=generator, dtype=torch.uint8)


def images(shape: tuple[int, int, int]) -> Images:
    return Images.of(pictures(shape, 40), Augmentation())


def test_pictures_of_another_data_set_are_resized_as_torchvision_does_with_the_training_moments() -> None:
    from torchvision.transforms.v2.functional import resize, rgb_to_grayscale

    own, other = images((3, 8, 8)), images((1, 12, 20))
    fitted = cast(Images, own.fitted(other))
    given = pictures((1, 12, 20))
    expected = resize(given.float() / 255, [8, 8], antialias=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(fitted.inputs(given), own.normalize(expected), atol=1e-5, rtol=1e-5)
    assert fitted.note == "12x20 resized to 8x8, grey to colour"
    fitted = cast(Images, images((1, 8, 8)).fitted(images((3, 8, 8))))
    given = pictures((3, 8, 8))
    expected = images((1, 8, 8)).normalize(rgb_to_grayscale(given.float() / 255))
    torch.testing.assert_close(fitted.inputs(given), expected, atol=1e-4, rtol=1e-4)
    assert fitted.note == "colour to grey"
    assert fitted.inputs(given[:, None]).shape == (5, 1, 1, 8, 8)
    assert own.fitted(images((3, 8, 8))) is own


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pictures_are_prepared_as_a_network_says_that_was_trained_elsewhere(
    interpolation: Literal["bilinear", "bicubic"],
) -> None:
    from torchvision.transforms.v2.functional import InterpolationMode, normalize, resize

    network = torch.nn.Identity()
    network.preprocessing = Preprocessing(ImageShape(3, 24, 24), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), interpolation)  # type: ignore[assignment]
    prepared = cast(Images, images((1, 8, 10)).prepared_for(network))
    given = pictures((1, 8, 10))
    resized = resize(given.float() / 255, [24, 24], InterpolationMode(interpolation), antialias=True).clamp(0, 1)
    expected = normalize(resized.expand(-1, 3, -1, -1), [0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    torch.testing.assert_close(prepared.inputs(given), expected, atol=1e-5, rtol=1e-5)
    prepared.check(given)
    assert (prepared.shape, prepared.note) == ((3, 24, 24), "")
    other = prepared.fitted(images((3, 24, 24)))
    given = pictures((3, 24, 24))
    expected = normalize(given.float() / 255, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4])
    torch.testing.assert_close(other.inputs(given), expected, atol=1e-5, rtol=1e-5)
    assert prepared.fitted(images((3, 6, 6))).note == "6x6 resized to 24x24"
    with pytest.raises(UsageError, match="takes images of 3x24x24, but the samples are images of 12x8x8"):
        images((12, 8, 8)).prepared_for(network)


@pytest.mark.parametrize("resize", [27, 20, (27, 30)], ids=str)
@pytest.mark.parametrize("size", [(8, 10), (40, 24), (24, 24)], ids=str)
def test_the_centre_of_a_picture_is_cut_out_where_a_network_says_so(
    size: tuple[int, int], resize: int | tuple[int, int]
) -> None:
    from torchvision.transforms.v2 import functional

    network = torch.nn.Identity()
    network.preprocessing = Preprocessing(ImageShape(3, 24, 24), (0.5,) * 3, (0.2,) * 3, resize=resize)  # type: ignore[assignment]
    prepared = cast(Images, images((3, *size)).prepared_for(network))
    given = pictures((3, *size))
    sides = [resize] if isinstance(resize, int) else list(resize)
    resized = functional.resize(given.float() / 255, sides, antialias=True)
    expected = functional.normalize(functional.center_crop(resized, [24, 24]), [0.5] * 3, [0.2] * 3)
    torch.testing.assert_close(prepared.inputs(given), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(prepared.view(given, Draw(5, torch.Generator())), expected, atol=1e-5, rtol=0)


def test_random_crops_are_cut_out_of_the_whole_picture() -> None:
    network = torch.nn.Identity()
    network.preprocessing = Preprocessing(ImageShape(1, 16, 16), (0.0,), (1.0,), resize=32)  # type: ignore[assignment]
    given = torch.full((5, 1, 16, 16), 255, dtype=torch.uint8)
    given[:, :, 2:-2, 2:-2] = 0
    prepared = replace(cast(Images, images((1, 16, 16)).prepared_for(network)), augmentation=Augmentation(crop=(1, 1)))
    assert prepared.inputs(given).max() < 0.01
    assert (prepared.view(given, Draw(5, torch.Generator().manual_seed(0))).amax((1, 2, 3)) > 0.5).all()


def test_pictures_that_cannot_be_made_to_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="the encoder takes images of 3x8x8, but the samples are images of 12x8x8"):
        images((3, 8, 8)).fitted(images((12, 8, 8)))
    with pytest.raises(UsageError, match="the encoder takes images, but the samples are vectors"):
        images((3, 8, 8)).fitted(vectors()[0].modality)


def test_samples_of_another_set_that_were_trained_on_are_counted() -> None:
    known, new = pictures((1, 4, 4), 6), pictures((1, 4, 4), 9)[6:]
    labels = torch.tensor([0, 1, 0])
    own = image_data({"train": Split(known)})
    other = image_data({"train": Split(known), "novel": Split(torch.cat([known[:2], new[:1]]), labels, ("a", "b"))})
    assert shared_with(own, other) == {"novel": 2}
    assert ImageShape(1, 4, 4) == own.modality.shape
