"""Alignment and uniformity against loops, closed forms and the spread over repetitions; what is left alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness_uniformity import Config
from harness_uniformity.evaluator import Uniformity, alignment, uniformity
from torch import Tensor, nn

from harness import Augmentation, Data, Method, Split, Trained, UsageError
from harness.testing.problem import image_data


class Pixels(nn.Module):
    """The image is its own feature, behind a batch norm that evaluation must not move."""

    feature_dim = 16

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(images).flatten(1)


def data(recommended: Augmentation | None = None, number: int = 40) -> Data:
    images = torch.randint(256, (number, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(number) % 2, ("a", "b"))
    one = Split(images[:1], torch.zeros(1, dtype=torch.int64), ("a",))
    recommended = recommended or Augmentation(flip=0.5, jitter=1.0)
    return image_data({"train": split, "test": split, "one": one}, recommended)


def sphere(number: int, dims: int, seed: int) -> Tensor:
    """Uniform on the sphere."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(number, dims, dtype=torch.float64, generator=generator), dim=1)


@pytest.mark.parametrize("number", [2, 7, 600])  # 600: more than a chunk
def test_uniformity_equals_a_loop_over_pairs(number: int) -> None:
    x = sphere(number, 3, seed=1)
    plain = x.numpy()
    pairs = [math.exp(-2 * float(((a - b) ** 2).sum())) for i, a in enumerate(plain) for b in plain[:i]]
    assert uniformity(x).mean().item() == pytest.approx(math.log(sum(pairs) / len(pairs)), abs=1e-12)


def test_uniformity_has_its_closed_forms() -> None:
    antipodes = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert uniformity(antipodes).tolist() == pytest.approx([-8, -8])
    assert uniformity(torch.ones(5, 1, dtype=torch.float64)).tolist() == pytest.approx([0] * 5)
    turns = torch.arange(6, dtype=torch.float64) * (math.pi / 3)
    hexagon = torch.stack([turns.cos(), turns.sin()], 1)  # neighbours at distance 1, sqrt(3) and 2
    assert uniformity(hexagon).tolist() == pytest.approx(
        [math.log((2 * math.exp(-2) + 2 * math.exp(-6) + math.exp(-8)) / 5)] * 6
    )
    on_the_ball = math.log(math.exp(-4) * math.sinh(4) / 4)  # the mean of exp(4 u), u uniform in [-1, 1], times exp(-4)
    assert uniformity(sphere(4000, 3, seed=2)).mean().item() == pytest.approx(on_the_ball, abs=0.01)


def test_uniformity_of_dead_features_is_that_of_one_point() -> None:
    assert uniformity(F.normalize(torch.zeros(4, 3, dtype=torch.float64), dim=1)).tolist() == pytest.approx([0] * 4)


def test_alignment_equals_a_loop_and_its_closed_forms() -> None:
    first, second = sphere(5, 3, seed=0), sphere(5, 3, seed=1)
    expected = [float(sum((a - b) ** 2 for a, b in zip(x, y, strict=True))) for x, y in zip(first, second, strict=True)]
    assert alignment(first, second).tolist() == pytest.approx(expected)
    assert alignment(first, first).tolist() == [0] * 5
    assert alignment(first, -first).tolist() == pytest.approx([4] * 5)


def test_the_units_give_the_spread_over_repetitions_of_a_method_and_of_a_difference() -> None:
    """400 samples of 150 images: the deviation of the metric over samples, against what one sample's units say."""
    values, errors, gaps, gap_errors = [], [], [], []
    for seed in range(400):
        x = sphere(150, 4, seed)
        one = uniformity(F.normalize(x + torch.tensor([0.8, 0, 0, 0], dtype=torch.float64), dim=1))
        other = uniformity(F.normalize(x * torch.tensor([1, 0.5, 0.5, 2], dtype=torch.float64), dim=1))
        values.append(one.mean().item())
        errors.append(one.std().item() / 150**0.5)
        gaps.append((one - other).mean().item())
        gap_errors.append((one - other).std().item() / 150**0.5)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)
    assert np.mean(gap_errors) == pytest.approx(np.std(gaps), rel=0.15)


def test_metrics_are_those_of_its_features_and_views() -> None:
    trained = Trained(Method(Pixels(), None, data()).eval(), data())
    metrics = Uniformity(Config()).evaluate(trained)
    assert list(metrics) == ["alignment", "uniformity"]
    for metric in metrics.values():
        assert (metric.n, metric.unit, metric.higher_is_better) == (40, "sample", False)
        assert metric.value == pytest.approx(metric.units.mean(), abs=1e-6)
        assert metric.half_width > 0
    x = F.normalize(trained.features("test").double(), dim=1)
    off_diagonal = ~torch.eye(40, dtype=torch.bool)
    expected = (-2 * torch.cdist(x, x) ** 2).exp()[off_diagonal].mean().log().item()
    assert metrics["uniformity"].value == pytest.approx(expected, abs=1e-6)
    assert 0 < metrics["alignment"].value < 4


def test_two_views_that_only_mirror_are_equal_or_mirrored() -> None:
    trained = Trained(Method(Pixels(), None, data()).eval(), data())
    first, second = Uniformity(Config(augment=Augmentation(flip=0.5, jitter=0.0))).views(trained)
    mirrored = first.unflatten(1, (4, 4)).flip(2).flatten(1)
    same, other = ((first - x).abs().amax(1) < 1e-6 for x in (second, mirrored))
    shares = same.float().mean().item()
    assert 0.2 < shares < 0.8
    torch.testing.assert_close(torch.where(same[:, None], first, mirrored), second, atol=1e-6, rtol=0)
    assert not other.all()


def test_every_method_and_seed_meets_the_same_views_and_an_option_moves_them() -> None:
    met: list[Tensor] = []

    class Recorder(Method):
        def encode(self, images: Tensor) -> Tensor:
            met.append(images)
            return super().encode(images)

    for seed, config in ((1, Config()), (2, Config()), (2, Config(seed=1))):
        torch.manual_seed(seed)
        Uniformity(config).views(Trained(Recorder(Pixels(), None, data()), data()))
    assert torch.equal(met[0], met[1])
    assert not torch.equal(met[0], met[2])


def test_evaluation_leaves_the_method_and_the_global_randomness_untouched() -> None:
    method = Method(Pixels(), None, data()).train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    state = torch.get_rng_state()
    Uniformity(Config()).evaluate(Trained(method, data()))
    assert not method.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())


@pytest.mark.parametrize(
    ("recommended", "config", "message"),
    [
        (None, Config(split="tset"), "no split 'tset'; it has train, test, one"),
        (None, Config(split="one"), "has one sample"),
        (Augmentation(), Config(), "no augmentation"),
    ],
)
def test_what_cannot_be_measured_is_said_before_training(recommended: Any, config: Config, message: str) -> None:
    of = data(recommended)
    with pytest.raises(UsageError, match=message):
        Uniformity(config).check(Method(Pixels(), None, of), of)
    Uniformity(Config(augment=Augmentation(flip=0.5))).check(Method(Pixels(), None, of), of)
