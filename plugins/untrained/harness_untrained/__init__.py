"""Registers `untrained` and `pretrained`."""

from __future__ import annotations

from harness import Register, hookimpl


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "untrained",
        "harness_untrained.method:Untrained",
        summary="The backbone as it was initialised: the floor that every method must beat",
        family="baselines",
        paper="Saxe et al. 2011, On random weights and unsupervised feature learning",
    )
    register(
        "pretrained",
        "harness_untrained.method:Pretrained",
        summary="The backbone as what it starts from left it: scores encoders that exist",
        family="baselines",
    )
