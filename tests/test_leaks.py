"""Test samples that are also in the training split: counted, said before anything trains, and shown with the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import Split
from harness.learning.data.duplicates import digests, shared_with_train
from harness.testing.problem import image_data
from tests.conftest import Harness

SUITE = """\
name: leaks
matrix:
  method: [untrained]
  backbone: [conv4]
  dataset: [{use: npz, path: mine.npz}]
  seed: [0]
budget: {steps: 1, batch_size: 8}
evaluators:
  5-way: {use: fewshot, ways: 5, shots: 1, queries: 2, episodes: 4, split: validation}
  knn: {use: knn}

"""


def split(images: torch.Tensor) -> Split:
    return Split(images, torch.arange(len(images)) % 2, ("a", "b"))


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(1, 3))
def test_shared_samples_are_counted_as_by_comparing_each_with_each(seed: int, copied: int, channels: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    train, test = (
        torch.randint(0, 2, (number, channels, 2, 2), generator=draw, dtype=torch.uint8) for number in (30, 12)
    )
    test[:copied] = train[torch.randint(0, 30, (copied,), generator=draw)]
    data = image_data({"train": split(train), "test": split(test)})
    slow = sum(any(torch.equal(one, other) for other in train) for one in test)
    assert shared_with_train(data) == ({"test": slow} if slow else {})


def test_images_that_differ_in_one_value_have_other_digests() -> None:
    images = torch.full((256 * 12, 3, 2, 2), 128, dtype=torch.uint8)
    for place in range(12):
        for value in range(256):
            images[256 * place + value].view(-1)[place] = value
    assert len(digests(images).unique()) == 12 * 255 + 1  # the constant one is there twelve times


def test_a_run_warns_of_copies_and_the_leaderboard_shows_them(harness: Harness, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    train, test, validation = (draw.integers(0, 256, (number, 28, 28), dtype=np.uint8) for number in (60, 30, 30))
    test[:7] = train[:7]
    np.savez(
        tmp_path / "mine.npz",
        train_images=train,
        train_labels=np.arange(60) % 3,
        test_images=test,
        test_labels=np.arange(30) % 3,
        validation_images=validation,
        validation_labels=10 + np.arange(30) % 6,
    )
    (tmp_path / "suite.yaml").write_text(SUITE)
    ran = harness("run", "suite.yaml")
    shown = " ".join(ran.stdout.split())
    assert "suite.yaml:5: npz (path=mine.npz): 7 of the 30 samples of the split 'test' are also in 'train'" in shown
    assert "suite.yaml:9: 5-way on npz (path=mine.npz): 5-way episodes are drawn from 6 of the 6 classes" in shown
    assert "Of the split 'test', 7 samples are also in 'train'" in " ".join(
        harness("leaderboard", "results/leaks").stdout.split()
    )
