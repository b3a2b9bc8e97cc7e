"""Runs independent tasks on threads: small tasks are faster with one core each than with all cores for one task."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from torch import nn

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_threads(function: Callable[[Task], Result], tasks: Sequence[Task], network: nn.Module) -> list[Result]:
    """`function` of each task, in order. One after the other on a GPU, on one thread, or where chance has a part."""
    threads = min(len(tasks), torch.get_num_threads())
    on_cpu = all(weight.device.type == "cpu" for weight in network.parameters())
    if threads == 1 or not on_cpu or is_random(network):
        return [function(task) for task in tasks]
    autocast, precision = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")  # each thread has its own

    def call(task: Task) -> Result:
        with torch.autocast("cpu", precision, enabled=autocast):
            return function(task)

    return list(pool(torch.get_num_threads()).map(call, tasks))


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))


def is_random(network: nn.Module) -> bool:
    """Whether a forward may draw from the global generator, which threads would use in any order."""
    chance = (
        getattr(module, "p", getattr(module, "drop_prob", 1.0))
        for module in network.modules()
        if re.search("drop|rrelu", type(module).__name__.lower())
    )
    return any(chance)
