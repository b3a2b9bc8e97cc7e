"""The evaluators keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_evaluator


@pytest.mark.parametrize("name", ["knn", "linear", "fewshot", "rankme", "retrieval", "logistic", "multilabel"])
def test_evaluators_conform(name: str) -> None:
    check_evaluator(name)


def test_linear_sgd_conforms() -> None:
    check_evaluator("linear_sgd", epochs=15, learning_rates=(0.1, 3.0))


def test_finetune_conforms() -> None:
    check_evaluator("finetune", epochs=12, batch_size=32)
