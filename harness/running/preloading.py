"""Loads what all jobs import into a process that the jobs are then forked from."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable

from harness.running.allocator import use_huge_pages


def preload(modules: Iterable[str]) -> None:
    """Import torch, what every job imports, and further modules, and leave torch with one thread.

    A module that cannot be imported is skipped; the job that needs it reports the error.

    Args:
        modules: Names of modules, as in `Resources.modules`.
    """
    use_huge_pages()

    import torch

    torch.set_num_threads(1)  # a pool of threads would not survive the fork
    torch.optim.SGD([torch.zeros(1)])  # the first optimizer of a process imports torch's compiler: two seconds

    import harness.running.run_cell  # noqa: F401 (what a job runs)
    from harness.plugins.registry import registry
    from harness.running.provenance import provenance

    registry()  # finds the plugins
    provenance("cpu", 1)  # asks git
    for module in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
