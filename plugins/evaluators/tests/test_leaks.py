"""No episode of training shares a class or an image with one of evaluation, over 1,000 random draws of each."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from harness_datasets import GlyphsConfig
from harness_datasets.glyphs import Glyphs
from harness_evaluators import FewShotConfig
from harness_evaluators.fewshot import FewShot

from harness import Data, Episodes, Images
from harness.learning.data.batches import Source
from harness.testing.problem import image_data


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> Data:
    dataset = Glyphs(GlyphsConfig(), Path(tmp_path_factory.mktemp("glyphs")))
    return image_data(dataset.load(), dataset.augmentation)


@pytest.mark.parametrize("evaluated", ["novel", "validation"])
def test_training_and_evaluation_never_meet(glyphs: Data, evaluated: str) -> None:
    batches = Episodes(ways=5, shots=1, queries=5)
    drawn = [batches.draw(Source(glyphs, 1, seed=0), step) for step in range(1000)]
    pixels = torch.cat([torch.cat([batch.support[0], batch.query[0]]) for batch in drawn])
    images = cast(Images, glyphs.modality)
    trained = (pixels * images.std + images.mean).mul(255).round().to(torch.uint8)
    seen = {image.numpy().tobytes() for image in trained}
    known = {image.numpy().tobytes(): int(label) for image, label in zip(*images_of(glyphs, "train"), strict=True)}
    assert seen <= known.keys()  # every image that training drew is one of `train`
    classes = {glyphs.train.classes[known[image]] for image in seen}
    assert len(classes) > 400  # the draws really reach about all of them

    split = glyphs.split(evaluated)
    episodes = FewShot(FewShotConfig(split=evaluated, episodes=1000)).episodes(split)
    index = torch.cat([torch.cat([each.support.flatten(), each.query.flatten()]) for each in episodes])
    met = {split.samples[number].numpy().tobytes() for number in index.unique()}
    assert len(met) > 0.9 * len(split)
    assert not met & known.keys()
    assert not {split.classes[label] for label in split.labels[index].unique()} & classes


def images_of(data: Data, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    split = data.split(name)
    return split.samples, split.labels
