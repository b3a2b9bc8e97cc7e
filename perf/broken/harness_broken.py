"""Methods with the mistakes that a gate is for. Registered as a plugin by perf/gate_runs.py; nothing else uses them."""

from __future__ import annotations

from harness_protonet import Config as ProtoNetConfig
from harness_supervised import Config as SupervisedConfig

from harness import Register, hookimpl


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "shifted",
        "harness_broken_methods:Shifted",
        SupervisedConfig,
        summary="supervised, by its neighbours' labels",
        budget={"optimizer": "sgd", "warmup": 0.05},
    )
    register(
        "unfrozen",
        "harness_broken_methods:Unfrozen",
        ProtoNetConfig,
        summary="protonet, batch norm in training mode",
        budget={"optimizer": "adam", "lr": 1e-3},
    )
