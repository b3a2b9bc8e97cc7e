"""`precision` of `fewshot`: as many episodes as an interval needs, the first ones of all, and what that costs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from harness_evaluators import FewShotConfig, HeadConfig
from harness_evaluators.fewshot import DRAWN, EpisodesEvaluator, FewShot, checkpoints
from harness_evaluators.fewshot_head import FewShotHead
from torch import Tensor

from harness import Data, Method, Split, Trained
from harness.plugins.registry import registry
from harness.suite.cell import Component, evaluator_id
from harness.testing.problem import image_data

from .idle import Idle

ALL = FewShotConfig(ways=3, queries=5, episodes=650)


class ByInputs(Idle):
    """The same from inputs, of which fewer episodes are in memory."""

    adapts_on = "inputs"

    def adapt(self, support: Tensor, labels: Tensor, ways: int):  # type: ignore[no-untyped-def]
        learned = super().adapt(support.flatten(2), labels, ways)
        return lambda query: learned(query.flatten(2))


def data() -> Data:
    """Six classes around corners of pixel space, 20 samples of each; of two domains."""
    generator = torch.Generator().manual_seed(0)
    centres = 60 + 130 * torch.tensor(
        [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]
    )
    labels = torch.arange(12).repeat_interleave(20)
    spread = torch.tensor([60.0, 90.0]).repeat_interleave(120)
    pixels = centres[labels % 6] + spread[:, None] * torch.randn(240, 4, generator=generator)
    samples = pixels.clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 2)
    columns, values = {"domain": labels // 6}, {"domain": ("near", "far")}
    split = Split(samples, labels, [f"{number}" for number in range(12)], columns, values)
    return image_data({"train": split, "novel": split})


def units(evaluator: EpisodesEvaluator, method: Method | None = None) -> dict[str, np.ndarray]:
    found = evaluator.evaluate(Trained((method or Idle(data())).eval(), data()))
    return {name: metric.units for name, metric in found.items()}


def test_it_ends_at_the_first_checkpoint_whose_interval_is_narrow_enough() -> None:
    every = units(FewShot(ALL))["accuracy"]
    halves = {n: 196 * every[:n].std(ddof=1, dtype=float) / n**0.5 for n in (200, 300, 400, 500, 600, 650)}
    assert checkpoints(650) == tuple(halves)
    wanted = (halves[300] + halves[400]) / 2
    metric = FewShot(replace(ALL, precision=wanted)).evaluate(Trained(Idle(data()).eval(), data()))["accuracy"]
    np.testing.assert_array_equal(metric.units, every[:400])
    assert metric.stops == (200, 300, 400)
    assert metric.protocol == f"inductive, until ±{wanted:g} points"
    assert 100 * metric.half_width <= wanted


@pytest.mark.parametrize(("precision", "number"), [(50.0, 200), (0.01, 650)])
def test_there_are_at_least_200_episodes_and_at_most_all(precision: float, number: int) -> None:
    assert len(units(FewShot(replace(ALL, precision=precision)))["accuracy"]) == number
    fewer = replace(ALL, precision=precision, episodes=130)
    assert len(units(FewShot(fewer))["accuracy"]) == 130


def test_how_many_episodes_are_adapted_at_a_time_has_no_part_in_the_end() -> None:
    evaluator = FewShot(replace(ALL, precision=1.6))
    one, other = units(evaluator)["accuracy"], units(evaluator, ByInputs(data()))["accuracy"]
    assert 200 < len(one) < 650
    np.testing.assert_array_equal(one, other)


def test_categories_have_as_many_episodes_as_their_mean_needs() -> None:
    every = units(FewShot(replace(ALL, within="domain")))
    some = units(FewShot(replace(ALL, within="domain", precision=1.2)))
    (number,) = {len(each) for each in some.values()}
    mean = every["mean over domains"]
    halves = [196 * mean[:n].std(ddof=1, dtype=float) / n**0.5 for n in checkpoints(650)]
    assert number == checkpoints(650)[int(np.argmax(np.array(halves) <= 1.2))]
    assert 200 < number < 650
    for name in every:
        np.testing.assert_array_equal(some[name], every[name][:number])


def test_a_head_that_is_trained_for_each_episode_has_it_too() -> None:
    config = HeadConfig(ways=3, queries=5, episodes=400, steps=2)
    assert len(units(FewShotHead(replace(config, precision=50.0)))["accuracy"]) == 200


@pytest.mark.parametrize("spread", [2.0, 60.0])
def test_intervals_of_what_stopped_cover_nearly_as_often_as_they_should(spread: float) -> None:
    """Accuracies of 15 queries, of episodes that are unlike (2) or alike (60); 900 evaluations, so ±1.5 %."""
    mean = 0.8
    draw, number = np.random.default_rng(0), 900
    config = FewShotConfig(episodes=3000, precision=1.0)
    covered, lengths = 0, []
    for _ in range(number):
        ease = draw.beta(mean * spread, (1 - mean) * spread, 3000)
        run = torch.from_numpy(draw.binomial(15, ease) / 15).float()
        found = FewShot(config).enough({"": iter(run.split(DRAWN))})[0][""]
        lengths.append(len(found))
        covered += abs(found.mean() - mean) <= 1.96 * found.std() / len(found) ** 0.5
    assert len(set(lengths)) > 1  # it is not one number that they all end at
    assert 0.93 < covered / number < 0.965


@pytest.mark.parametrize("name", ["fewshot", "fewshot_head"])
def test_ids_of_evaluators_without_it_are_as_they_were(name: str) -> None:
    """The option decides an id where it is set, and else has no part in it."""
    spec = registry().get("evaluator", name)
    plain, narrow = (Component(spec, spec.config(**values), "") for values in ({}, {"precision": 0.3}))
    assert "precision" not in plain.identity["options"]
    assert narrow.identity["options"]["precision"] == 0.3
    assert evaluator_id(plain) != evaluator_id(narrow)
