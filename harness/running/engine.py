"""Chooses the executor of a run, and checks that it can do what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.plugins.executors import Executor, Resources
from harness.plugins.options import KeyPath, as_plain, parse
from harness.plugins.registry import registry
from harness.running.run_options import RunOptions
from harness.suite.entries import resolve_paths
from harness.suite.plan import Plan
from harness.suite.suite import Suite

DEFAULT = "local"
OPTION = "--executor-option"


def engine_of(suite: Suite, name: str | None, given: Mapping[str, Any], resources: Resources) -> tuple[str, Executor]:
    """Its name, and an executor with the suite's options if it is the suite's, and the given ones over them.

    Raises UsageError for a name that is none, and for options that its `Config` refuses.
    """
    own = suite.executor
    spec = registry().get("executor", name or DEFAULT) if name or own is None else own.spec
    options = as_plain(own.config) if own is not None and own.spec is spec else {}

    def where(path: KeyPath) -> str:
        return f"{OPTION} {path[0]}" if path and path[0] in given else f"executor {spec.name}"

    config: Any = parse(spec.config, options | dict(given), where, owner=spec.name)
    return spec.name, spec.load()(resolve_paths(config, Path.cwd()), resources)


def require(executor: Executor, name: str, plan: Plan, options: RunOptions, threads: int | None = None) -> None:
    """Raises UsageError if an executor cannot do what a run asks of it."""
    able = executor.capabilities
    if not able.shared_files:
        raise UsageError(f"executor {name}: its jobs cannot see the results folder, into which they must write.")
    if options.detach and not able.detaches:
        raise UsageError(f"--detach: jobs of the executor {name} end with the command that submits them.")
    if threads is not None and not able.threads:
        raise UsageError(
            f"--threads is for executors that share the cores of this machine, as local does; {name} asks for cores by "
            f"options of its own: 'harness show {name}' lists them."
        )
    limits = options.limits
    if able.gigabytes is not None and limits.gigabytes is not None and limits.gigabytes > able.gigabytes:
        raise UsageError(
            f"executor {name}: --memory {limits.gigabytes:g} is more than a job of it can have, {able.gigabytes:g} GB."
        )
    if able.seconds is not None and limits.seconds is not None and limits.seconds > able.seconds:
        raise UsageError(
            f"executor {name}: --timeout {limits.seconds:g} has no effect: its jobs end after {able.seconds:g} "
            "seconds, and a cell that is started again has the full time again."
        )
    largest = max(plan.cells.values(), key=lambda cell: cell.budget.devices)
    if able.devices is not None and largest.budget.devices > able.devices:
        needed = f"{largest.name()} needs {largest.budget.devices} devices"
        raise UsageError(f"executor {name}: {needed}, and a job of it can have {able.devices}.")


def check_device(device: str) -> str:
    """Raises UsageError if the name of a device is invalid."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,4})?", device):
        raise UsageError(f"--device is auto, cpu, cuda or cuda:N, not '{device}'.")
    return device


def modules(plan: Plan) -> Iterable[str]:
    """The modules that hold the components of a plan."""
    cells = plan.cells.values()
    components = [part for cell in cells for part in (cell.method, cell.backbone, cell.dataset, cell.optimizer) if part]
    return sorted({part.spec.target.partition(":")[0] for part in (*components, *plan.evaluators.values())})
