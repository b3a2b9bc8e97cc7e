"""`fewshot` within the categories of a column: each category as on its own, and the mean over categories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from harness_evaluators import FewShotConfig
from harness_evaluators.fewshot import FewShot

from harness import Data, Split, Trained, UsageError
from harness.testing.problem import image_data

from .idle import Idle

CLASSES = 6


def trained(given: Data) -> Trained:
    return Trained(Idle(data()).eval(), given)


def data(spread: float = 12.0, seed: int = 0) -> Data:
    """Six classes around corners of pixel space, 20 samples of each, in `train` and `novel`."""
    generator = torch.Generator().manual_seed(seed)
    corners = [[60, 60, 60, 190], [60, 60, 190, 60], [60, 190, 60, 60], [190, 60, 60, 60]]
    centres = torch.tensor([*corners, [190, 190, 60, 60], [60, 60, 190, 190]]).float()
    labels = torch.arange(CLASSES).repeat(20)
    splits = {}
    for name in ("train", "novel"):
        pixels = centres[labels] + spread * torch.randn(len(labels), 4, generator=generator)
        samples = pixels.clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 2)
        splits[name] = Split(samples, labels, "abcdef")
    return image_data(splits)


def two_domains() -> tuple[Data, dict[str, Data]]:
    """The blobs as the domain `near`, and noisier ones as `far`; and each alone."""
    parts = [data(spread=60, seed=1).split("novel"), data().split("novel")]
    samples = torch.cat([part.samples for part in parts])  # type: ignore[misc]
    labels = torch.cat([parts[0].labels, parts[1].labels + 6])
    domain = torch.arange(2).repeat_interleave(len(parts[0]))
    columns, values = {"domain": domain}, {"domain": ("far", "near")}
    novel = Split(samples, labels, [f"{name}/{each}" for name in ("far", "near") for each in "abcdef"], columns, values)
    mixed = replace(data(), splits={**data().splits, "novel": novel})
    alone = zip(("far", "near"), parts, strict=True)
    return mixed, {name: replace(mixed, splits={**mixed.splits, "novel": part}) for name, part in alone}


def test_fewshot_within_domains_scores_each_and_the_mean_over_them() -> None:
    """The score of a domain is that of its own data set, episode by episode: pairs stay pairs."""
    mixed, alone = two_domains()
    config = FewShotConfig(ways=3, queries=5, episodes=130)
    evaluator = FewShot(replace(config, within="domain"))
    evaluator.check(Idle(data()), mixed)
    found = evaluator.evaluate(trained(mixed))
    assert list(found) == ["mean over domains", "far", "near"]
    for name, only in alone.items():
        own = FewShot(config).evaluate(trained(only))["accuracy"]
        np.testing.assert_array_equal(found[name].units, own.units)
        assert found[name].protocol == "inductive"
    mean = found["mean over domains"]
    assert found["near"].value - found["far"].value > 0.1
    assert mean.value == pytest.approx((found["near"].value + found["far"].value) / 2)
    assert mean.n == 130
    both = np.stack([found["near"].units, found["far"].units])
    independent = np.sqrt(both.var(1, ddof=1).sum()) / 2 / np.sqrt(130) * 1.96
    assert mean.half_width == pytest.approx(independent, rel=0.15)
    assert mean.protocol == "inductive, the mean of 2 domains, each with 130 episodes"
    share = evaluator.evaluate_share(trained(mixed), 0.1)
    assert {name: metric.n for name, metric in share.items()} == dict.fromkeys(found, 13)


def test_fewshot_within_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="the split has no column 'domain'"):
        FewShot(FewShotConfig(ways=3, within="domain")).check(Idle(data()), data())
