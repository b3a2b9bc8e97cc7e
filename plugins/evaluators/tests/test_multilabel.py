"""Samples with several labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from harness_evaluators import MultiLabelConfig
from harness_evaluators.multilabel import MultiLabel, average_precision, fit, precision_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from torch import Tensor

from harness import Data, Split, Trained, UsageError, Vectors
from harness.testing.known import Encoder


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=3, max_size=30))
def test_average_precision_and_its_jackknife_are_those_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, relevant = (torch.tensor(each, dtype=torch.float32) for each in zip(*rows, strict=True))
    if relevant.sum() < 2:
        return
    value, without = average_precision(scores, relevant)
    assert float(value) == pytest.approx(average_precision_score(relevant, scores), abs=1e-9)
    for each in range(len(rows)):
        rest = torch.arange(len(rows)) != each
        expected = average_precision_score(relevant[rest], scores[rest])
        assert float(without[each]) == pytest.approx(expected, abs=1e-9)


def test_a_class_that_no_sample_has_does_not_count() -> None:
    scores, targets = torch.tensor([[0.9, 0.1], [0.2, 0.3], [0.1, 0.8]]), torch.tensor([[1.0, 0], [0, 0], [1, 0]])
    found = precision_of(scores, targets)
    assert found.classes == 1
    assert found.value == pytest.approx((1 + 2 / 3) / 2)


def test_the_fit_is_scikit_learn_s_logistic_regression_of_each_class() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(80, 5, generator=generator)
    targets = (x @ torch.randn(5, 3, generator=generator) + torch.randn(80, 3, generator=generator) > 0.5).float()
    ones = torch.cat([x, torch.ones(80, 1)], 1)
    weights = fit(ones, targets, 0.01, torch.zeros(6, 3))
    for number in range(3):
        peer = LogisticRegression(C=1 / (80 * 0.01), tol=1e-8, max_iter=1000).fit(x, targets[:, number])
        expected = np.append(peer.coef_[0], peer.intercept_)
        assert weights[:, number].numpy() == pytest.approx(expected, abs=2e-3)


def several(number: int, seed: int) -> Split:
    """Six numbers of a sample say which of three classes it has, two of each; the last class none has."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(number, 3, generator=generator) < 0.3).float()
    signal = torch.cat([targets, -targets], 1) + 0.7 * torch.randn(number, 6, generator=generator)
    return Split(signal, columns={"targets": torch.cat([targets, torch.zeros(number, 1)], 1)})


class Plain(Encoder):
    """Gives what it gets, or the noise alone."""

    def __init__(self, blind: bool) -> None:
        torch.nn.Module.__init__(self)
        self.blind = blind

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs[:, :3] + inputs[:, 3:] if self.blind else inputs


@pytest.fixture(scope="module")
def data() -> Data:
    splits = {"train": several(300, 1), "test": several(200, 2)}
    return Data.of(splits, Vectors.of(splits["train"].samples, 0.5), torch.device("cpu"))


def test_it_tells_an_encoder_that_sees_from_one_that_does_not(data: Data) -> None:
    evaluator = MultiLabel(MultiLabelConfig())
    sees, blind = (evaluator.evaluate(Trained(Plain(each).eval(), data))["mAP"] for each in (False, True))
    share = float(data.split("test").column("targets")[:, :3].mean())
    assert sees.value > 0.75
    assert blind.value < share + 0.12
    assert sees.n == 200
    assert 0.01 < sees.half_width < 0.08
    assert "3 of 4 classes" in sees.protocol


def test_data_without_targets_are_refused(data: Data) -> None:
    plain = Split(torch.zeros(20, 6), columns={"domain": torch.zeros(20)})
    other = Data.of({"train": plain, "test": plain}, data.modality, data.device)
    with pytest.raises(UsageError, match="no column 'targets'; it has domain"):
        MultiLabel(MultiLabelConfig()).check(Plain(blind=False), other)
    with pytest.raises(UsageError, match="both 'test'"):
        MultiLabel(MultiLabelConfig(reference="test")).check(Plain(blind=False), data)
