"""SimpleShot, an option of `fewshot`: against a plain loop; it leaves ids of before as they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness_evaluators import FewShotConfig
from harness_evaluators.fewshot import FewShot
from torch import Tensor, nn

from harness import Data, Method, Trained
from harness.plugins.registry import registry
from harness.suite.cell import Component, evaluator_id
from harness.testing import check_evaluator
from harness.testing.problem import gratings

SETTING = {"ways": 3, "shots": 2, "queries": 4, "episodes": 30, "split": "test"}


class Pixels(Method):
    """Features are 49 pixels; its own adaptation and its limit of ways are of no use here."""

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0, ::2, ::2].flatten(1)

    def adapt(self, support: Tensor, labels: Tensor, ways: int) -> Any:  # noqa: ARG002
        raise AssertionError("SimpleShot does not ask the method")

    def check_ways(self, ways: int) -> None:  # noqa: ARG002
        raise AssertionError("SimpleShot does not ask the method")


@pytest.fixture(scope="module")
def trained() -> Trained:
    data: Data = gratings(side=14)
    return Trained(Pixels(nn.Identity(), None, data), data)


def changed(features: Tensor, kind: str, mean: Tensor) -> list[Tensor]:
    """Section 3 of the paper, a feature at a time."""
    rows = [row - mean if kind == "cl2n" else row for row in features]
    return [row if kind == "un" else row / row.square().sum().sqrt() for row in rows]


@pytest.mark.parametrize("kind", ["un", "l2n", "cl2n"])
def test_each_query_has_the_class_of_the_nearest_mean(kind: Any, trained: Trained) -> None:
    evaluator = FewShot(FewShotConfig(**SETTING, simpleshot=kind))  # type: ignore[arg-type]
    evaluator.check(trained.method, trained.data)
    train = torch.stack(
        [trained.method.encode(each[None])[0] for each in trained.data.inputs(trained.data.train.samples)]
    )
    test = trained.method.encode(trained.data.inputs(trained.data.split("test").samples))
    rows, expected = changed(test, kind, train.mean(0)), []
    for support, labels, query, targets in (
        each for part in evaluator.episodes(trained.data.split("test")) for each in zip(*part, strict=True)
    ):
        means = []
        for way in range(3):
            members = [rows[i] for i, label in zip(support.tolist(), labels.tolist(), strict=True) if label == way]
            means.append(sum(members) / len(members))  # type: ignore[arg-type]
        nearest = [
            min(range(3), key=lambda way, i=i: float((rows[i] - means[way]).square().sum())) for i in query.tolist()
        ]
        expected.append(sum(a == b for a, b in zip(nearest, targets.tolist(), strict=True)) / len(nearest))
    metric = evaluator.evaluate(trained)["accuracy"]
    assert metric.value == pytest.approx(sum(expected) / len(expected))
    assert metric.protocol == f"inductive, SimpleShot {kind.upper()}"


def test_the_kinds_differ_and_none_is_the_methods_own(trained: Trained) -> None:
    values = {
        FewShot(FewShotConfig(**{**SETTING, "episodes": 200}, simpleshot=kind)).evaluate(trained)["accuracy"].value  # type: ignore[arg-type]
        for kind in ("un", "l2n", "cl2n")
    }
    assert len(values) == 3
    with pytest.raises(AssertionError, match="does not ask"):
        FewShot(FewShotConfig(**SETTING)).evaluate(trained)  # type: ignore[arg-type]


def test_ids_of_before_there_was_this_option_are_the_same() -> None:
    spec = registry().get("evaluator", "fewshot")
    ids = [evaluator_id(Component(spec, spec.config(**values), "")) for values in ({}, {"simpleshot": "l2n"})]
    assert ids[0] == "8709dca5ce861540"
    assert ids[1] != ids[0]


def test_results_of_methods_own_adaptation_are_not_shown_beside_it() -> None:
    stated = [each for each in registry().published() if each.setting.get("evaluator") == "fewshot"]
    assert len(stated) > 20
    assert all(each.matches(each.setting, "accuracy") for each in stated)
    assert not any(each.matches({**each.setting, "evaluator.simpleshot": "un"}, "accuracy") for each in stated)


def test_it_conforms() -> None:
    check_evaluator("fewshot", simpleshot="cl2n", ways=3, shots=5, queries=5, episodes=60)
