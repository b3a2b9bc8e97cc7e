"""The plugin keeps the contract, with either learner."""

from __future__ import annotations

from harness.testing import check_method


def test_cactus_with_maml_conforms() -> None:
    check_method("cactus", start="simclr", clusters=12, partitions=2, tasks=2, inner_lr=0.4)


def test_cactus_with_protonet_conforms() -> None:
    check_method("cactus", start="simclr", learner="protonet", ways=6, shots=5, queries=15, clusters=12, partitions=2)
