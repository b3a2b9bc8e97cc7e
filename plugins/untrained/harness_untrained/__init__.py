"""Registers `untrained` and `pretrained`."""

from __future__ import annotations

from harness import Register, hookimpl


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "untrained",
        "harness_untrained.method:Untrained",
        summary="The backbone with its random initial weights: the baseline that every method must beat",
        family="baselines",
        paper="Saxe et al. 2011, On random weights and unsupervised feature learning",
    )
    register(
        "pretrained",
        "harness_untrained.method:Pretrained",
        summary="The backbone with its pretrained weights, without further training",
        family="baselines",
    )
