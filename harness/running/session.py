"""Runs suites from Python, as `harness run` does, without its output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.base.slugs import default_results
from harness.plugins.executors import Resources
from harness.running.engine import check_device, engine_of, modules, require
from harness.running.run_options import Display, RunOptions
from harness.running.scheduler import run_plan
from harness.store.records import CellRecord, records_of
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import Suite, load_suite


@dataclass(frozen=True)
class Finished:
    """The result of a run.

    Attributes:
        plan: The cells that were asked for.
        folder: The results folder.
        statuses: Status of each cell by its id: "done", or how it failed.
        reused: Number of cells that were done before.
    """

    plan: Plan = field(repr=False)
    folder: Path
    statuses: Mapping[str, str]
    reused: int

    @property
    def records(self) -> list[CellRecord]:
        """Records of the plan's cells, read from the results folder."""
        return records_of(self.plan, Store(self.folder).records_if_any())

    @property
    def failed(self) -> list[str]:
        """The ids of the cells that are not done."""
        return [id_ for id_, status in self.statuses.items() if status != "done"]


def run(
    suite: Suite | Path | str,
    *,
    results: Path | str | None = None,
    only: Mapping[str, str | Iterable[str]] | None = None,
    device: str = "auto",
    workers: int | None = None,
    threads: int | None = None,
    executor: str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    options: RunOptions | None = None,
    display: Display | None = None,
) -> Finished:
    """Train and score the cells of a suite that are not done, as `harness run` does, in processes of their own.

    A cell that fails raises nothing: its status and its record say why. KeyboardInterrupt ends the cells, which leave a
    checkpoint.

    Args:
        suite: A suite's file, or what `load_suite` returned.
        results: The results folder; results/NAME by default.
        only: Run only these cells, such as `{"method": ["simclr", "maml"]}`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: Number of cells at a time; by default one for each GPU, or each core.
        threads: Number of threads of each cell, for the executor `local`.
        executor: Where cells run, instead of what the suite says.
        executor_options: Options of the executor, over those of the suite.
        options: Further options of the run.
        display: Receives the progress of the run; without one, nothing is shown.

    Returns:
        The status of each cell, and the results folder.

    Raises:
        UsageError: A mistake in the suite or in an argument, found before anything trains.
    """
    suite = suite if isinstance(suite, Suite) else load_suite(Path(suite))
    plan = Plan.of(suite).only(
        {axis: [names] if isinstance(names, str) else names for axis, names in (only or {}).items()}
    )
    store = Store(Path(results) if results is not None else default_results(suite.name))
    options, display = options or RunOptions(), display or Display()
    resources = Resources(check_device(device), workers, tuple(modules(plan)), store.folder, threads)
    name, engine = engine_of(suite, executor, executor_options or {}, resources)
    left = False  # to itself, by `detach`
    try:
        require(engine, name, plan, options, threads)
        before = store.statuses(plan)
        again = before.keys() - plan.along if options.fresh else ()
        display.starting(suite.name, {**before, **dict.fromkeys(again, "todo")}, store.folder)
        statuses = run_plan(plan, store, engine, display, options)
        if options.detach:
            left = True
            engine.detach()
    finally:
        if not left:
            engine.close()
    kept = plan.along if options.fresh else before.keys()
    reused = sum(before[id_] == "done" for id_ in kept)
    return Finished(plan, store.folder, statuses, reused)
