"""MAML and ProtoNet train on tasks within domains if their options say so, and otherwise on tasks of all classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from harness import Data, Method, Split
from harness.learning.data.batches import Source
from harness.plugins.registry import registry


@pytest.fixture(scope="module")
def domains(gratings: Data) -> Data:
    """The gratings of even and of odd labels as two domains."""
    splits = {
        name: Split(
            split.samples, split.labels, split.classes, {"domain": split.labels % 2}, {"domain": ("even", "odd")}
        )
        for name, split in gratings.splits.items()
    }
    return replace(gratings, splits=splits)


@pytest.mark.parametrize("name", ["maml", "protonet"])
def test_the_option_within_decides_from_which_classes_a_task_is(name: str, domains: Data, tiny_net: Any) -> None:
    spec = registry().get("method", name)

    def kinds(**options: str) -> list[set[int]]:
        """Of each task, the domains of its classes."""
        method: Method = spec.load()(tiny_net, spec.config(ways=3, shots=1, queries=1, **options), domains)
        drawn = [method.batches.indices(Source(domains, 1, 0), step) for step in range(20)]  # type: ignore[union-attr]
        found = domains.train.column("domain")[torch.cat([each.samples for each in drawn])]
        return [set(task) for task in found.tolist()]

    assert {0, 1} in kinds()
    within = kinds(within="domain")
    assert {0} in within
    assert {1} in within
    assert {0, 1} not in within
    assert all(task == {1} for task in kinds(within="domain", only="odd"))
