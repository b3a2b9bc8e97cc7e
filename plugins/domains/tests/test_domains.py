"""The computed domains: which classes are in which split, how hard they are, and what a class is known by."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_domains import PolygonsConfig, TexturesConfig, drawn, polygons, textures
from harness_domains.polygons import Polygons
from harness_domains.textures import Textures

from harness import Split, draw_episodes


@pytest.fixture(scope="module", params=["textures", "polygons"])
def splits(request: pytest.FixtureRequest) -> Mapping[str, Split]:
    made = {"textures": Textures(TexturesConfig(), Path()), "polygons": Polygons(PolygonsConfig(), Path())}
    return made[request.param].load()


def test_splits_have_the_stated_classes_and_share_none(splits: Mapping[str, Split]) -> None:
    assert {name: len(split.classes) for name, split in splits.items()} == {**drawn.CLASSES, "test": 100}
    per_class = {"train": 16, "test": 4, "validation": 20, "novel": 20}
    for name, split in splits.items():
        assert {len(members) for members in split.by_class} == {per_class[name]}
        assert split.samples.shape[1:] == (1, 28, 28)
    for one, other in combinations(drawn.CLASSES, 2):
        assert not set(splits[one].classes) & set(splits[other].classes)


def test_novel_classes_can_be_told_apart_by_their_pixels_but_not_well(splits: Mapping[str, Split]) -> None:
    """Nearest neighbour by correlation is above the 20 % of chance and leaves most to be learned."""
    novel = splits["novel"]
    episodes = draw_episodes(novel.by_class, 5, 1, 5, 200, torch.Generator().manual_seed(0))
    pixels = novel.samples.flatten(1).float()
    pixels = torch.nn.functional.normalize(pixels - pixels.mean(1, keepdim=True), dim=1)
    nearest = (pixels[episodes.query] @ pixels[episodes.support].mT).argmax(-1)
    accuracy = (episodes.support_labels.gather(1, nearest) == episodes.query_labels).float().mean().item()
    assert 0.25 < accuracy < 0.6


def test_a_texture_is_known_by_its_directions_whatever_its_phases() -> None:
    """The magnitude of the Fourier transform, in which a shift has no part, finds the class of a novel picture."""
    novel = Textures(TexturesConfig(), Path()).load()["novel"]
    episodes = draw_episodes(novel.by_class, 5, 1, 5, 200, torch.Generator().manual_seed(0))
    pictures = novel.samples[:, 0].float()
    magnitude = torch.fft.rfft2(pictures - pictures.mean((1, 2), keepdim=True)).abs()
    small = torch.nn.functional.avg_pool2d(magnitude[:, None], 3, 2, 1).flatten(1)
    features = torch.nn.functional.normalize(small, dim=1)
    nearest = (features[episodes.query] @ features[episodes.support].mT).argmax(-1)
    accuracy = (episodes.support_labels.gather(1, nearest) == episodes.query_labels).float().mean().item()
    assert accuracy > 0.7


def test_each_class_depends_on_its_own_generator_alone() -> None:
    for draw in (textures.draw, polygons.draw):
        one, same, other = (draw(3, np.random.default_rng((5, label))) for label in (1, 1, 2))
        np.testing.assert_array_equal(one, same)
        assert (one != other).mean() > 0.3


def test_a_filled_shape_has_the_area_of_the_shoelace_formula() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        corners = polygons.outline(generator)
        x, y = corners[:, 0], corners[:, 1]
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 / 4  # as a share of the picture
        assert polygons.filled(corners).mean() == pytest.approx(area, abs=0.01)
