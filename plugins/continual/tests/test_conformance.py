"""The evaluator keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from harness.testing import check_evaluator

SMALL: dict[str, Any] = {"classes": 6, "shots": 8, "orders": 4, "learning_rates": (0.1,)}


@pytest.mark.parametrize("learner", ["ncm", "slda", "joint"])
def test_every_learner_conforms(learner: str) -> None:
    check_evaluator("continual", learner=learner, **SMALL)


def test_replay_conforms() -> None:
    """With many samples of a class: until then, each sample of others has lowered its logits."""
    check_evaluator("continual", learner="replay", **SMALL | {"shots": 20, "replayed": 1})


def test_a_learner_whose_rate_is_chosen_conforms() -> None:
    check_evaluator("continual", learner="softmax", **SMALL | {"validation": "train", "learning_rates": (0.03, 0.1)})


def test_domains_conform_with_the_method_s_own_learner() -> None:
    check_evaluator("continual", learner="own", scenario="domain", task_classes=3, **SMALL)
