"""The mixture: its samples, labels, columns, shape and moments; what it refuses; what its id holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from harness_domains import MixtureConfig
from harness_domains.mixture import Mixture

from harness import Augmentation, Data, Episodes, Images, Split, StreamedImages, UsageError, load_suite
from harness.learning.data.batches import Source

CPU = torch.device("cpu")


def part(classes: int, shape: tuple[int, int, int], low: int, high: int, splits: str = "train test novel") -> Data:
    """Random pictures of grey levels `low` .. `high`; 6 of each class and split."""
    generator = torch.Generator().manual_seed(low)
    made = {}
    for name in splits.split():
        pictures = torch.randint(low, high, (6 * classes, *shape), generator=generator, dtype=torch.uint8)
        names = [f"{'n' if name == 'novel' else 'c'}{number}" for number in range(classes)]
        made[name] = Split(pictures, torch.arange(classes).repeat(6), names)
    return Data.of(made, Images.of(made["train"].samples, Augmentation()), CPU)


def mixed(parts: dict[str, Data], **options: Any) -> Data:
    dataset = Mixture(MixtureConfig(**options), Path())
    dataset.parts = parts
    splits = dataset.load()
    return Data.of(splits, dataset.modality(splits), CPU, tuple(dataset.notes))


def two(**options: Any) -> Data:
    parts = {"dark": part(2, (1, 8, 8), 0, 60), "light": part(3, (3, 6, 6), 150, 256, "train test novel validation")}
    return mixed(parts, **options)


def test_samples_keep_their_class_and_their_domain() -> None:
    data = two()
    assert list(data.splits) == ["train", "test", "novel"]
    assert data.notes == ("domains dark, light", "not every domain has the split validation")
    assert data.train.classes == ("dark/c0", "dark/c1", "light/c0", "light/c1", "light/c2")
    assert data.split("novel").classes[:3] == ("dark/n0", "dark/n1", "light/n0")
    for name, split in data.splits.items():
        assert split.values == {"domain": ("dark", "light")}
        domain = split.column("domain")
        assert [split.classes[label].split("/")[0] for label in split.labels] == [
            ("dark", "light")[number] for number in domain
        ]
        assert domain.bincount().tolist() == [12, 18], name
        bright = split.samples.float().mean((1, 2, 3)) > 100  # type: ignore[union-attr]
        assert torch.equal(bright, domain == 1)


def test_pictures_have_the_largest_size_and_colour_unless_options_say_else() -> None:
    assert tuple(two().train.samples.shape[1:]) == (3, 8, 8)
    small = two(size=5, channels=1)
    assert tuple(small.train.samples.shape[1:]) == (1, 5, 5)
    assert small.modality.shape == (1, 5, 5)
    grey = two().train.samples[:12]
    assert torch.equal(grey, part(2, (1, 8, 8), 0, 60).train.samples.expand(-1, 3, -1, -1))  # type: ignore[union-attr]


def test_colour_becomes_luminance_and_sizes_change_as_torchvision_has_it() -> None:
    from torchvision.transforms.functional import resize, rgb_to_grayscale

    given = part(3, (3, 6, 6), 150, 256).train.samples
    grey = two(size=9, channels=1).train.samples[12:]
    expected = resize(rgb_to_grayscale(given.float()), [9, 9], antialias=True)  # type: ignore[union-attr]
    assert (grey.float() - expected).abs().max() <= 1


def by_domain(data: Data) -> list[torch.Tensor]:
    inputs = data.inputs(data.train.samples)  # type: ignore[arg-type]
    return [inputs[data.train.column("domain") == number] for number in range(2)]


def test_moments_are_pooled_or_those_of_each_domain() -> None:
    pooled, apart = two(), two(moments="domain")
    whole = pooled.inputs(pooled.train.samples)  # type: ignore[arg-type]
    torch.testing.assert_close(whole.mean((0, 2, 3)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(whole.std((0, 2, 3)), torch.ones(3), atol=1e-2, rtol=0)
    assert all(abs(own.mean()) > 0.5 for own in by_domain(pooled))
    for own in by_domain(apart):
        torch.testing.assert_close(own.mean((0, 2, 3)), torch.zeros(3), atol=0.02, rtol=0)
        torch.testing.assert_close(own.std((0, 2, 3)), torch.ones(3), atol=0.03, rtol=0)
    assert pooled.modality.note == "moments pooled over domains"
    assert apart.modality.note == "moments of each domain"


def test_moments_of_a_domain_are_those_of_its_training_pictures_and_nothing_is_cut_off() -> None:
    data = two(moments="domain", size=8, channels=1)
    test = data.split("test").samples[:12, 0].double().flatten()  # type: ignore[union-attr]
    given = part(2, (1, 8, 8), 0, 60)
    x, train = given.split("test").samples.double().flatten(), given.train.samples.double()  # type: ignore[union-attr]
    z = (x - train.mean()) / train.std()
    slope = ((test - test.mean()) * (z - z.mean())).sum() / ((z - z.mean()) ** 2).sum()
    residual = (test - test.mean()) - slope * (z - z.mean())
    assert residual.abs().max() <= 0.51  # one straight line, but for the rounding
    assert test.min() > 0
    assert test.max() < 255


def test_tasks_stay_within_a_domain_and_domains_are_equally_likely() -> None:
    data = two()
    drawn = Episodes(2, 1, 2, tasks=900, within="domain").indices(Source(data, 1, 0), 0)
    domains = data.train.column("domain")[drawn.samples]
    assert (domains == domains[:, :1]).all()
    share = domains[:, 0].float().mean().item()  # of "light", which has three of the five classes
    assert abs(share - 0.5) < 4 * (0.25 / 900) ** 0.5
    only = Episodes(2, 1, 2, tasks=50, within="domain", only="dark").indices(Source(data, 1, 0), 0)
    assert (data.train.column("domain")[only.samples] == 0).all()


def test_what_cannot_be_a_domain_is_refused_by_its_name() -> None:
    fine = part(2, (1, 8, 8), 0, 60)
    unlabelled = Data.of({"train": Split(fine.train.samples)}, fine.modality, CPU)
    with pytest.raises(UsageError, match="bare: its pictures need one label each"):
        mixed({"fine": fine, "bare": unlabelled})
    streamed = Split(StreamedImages(lambda _: None, (12, 1, 8, 8)), fine.train.labels, fine.train.classes)  # type: ignore[arg-type, return-value]
    with pytest.raises(UsageError, match="large: its pictures do not fit in memory"):
        mixed({"fine": fine, "large": Data({"train": streamed}, fine.modality, CPU)})


SUITE = """\
matrix:
  method: [untrained]
  backbone: [conv4]
  dataset: [{use: mixture, of: OF}]
budget: {steps: 1}
evaluators: {fewshot: {within: domain}}
"""


def id_of(tmp_path: Path, of: str) -> str:
    (tmp_path / "suite.yaml").write_text(SUITE.replace("OF", of))
    return load_suite(tmp_path / "suite.yaml").cells[0].id


def test_the_id_holds_what_a_mixture_is_made_of_and_not_in_which_order(tmp_path: Path) -> None:
    ids = [
        id_of(tmp_path, of)
        for of in (
            "{digits: {}, textures: {}}",
            "{textures: textures, digits: }",
            "{other: {use: digits}, textures: {}}",
            "{digits: {}, polygons: {}}",
            "{digits: {use: mixture, of: {digits: {}}}, textures: {}}",
        )
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
