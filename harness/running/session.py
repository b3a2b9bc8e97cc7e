"""Runs of suites from Python: what `harness run` does, without its output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.base.slugs import default_results
from harness.plugins.executors import Resources
from harness.running.engine import check_device, engine_of, modules, require
from harness.running.scheduler import Display, RunOptions, run_plan
from harness.store.records import CellRecord, records_of
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import Suite, load_suite


@dataclass(frozen=True)
class Finished:
    """What a run has left. `statuses`: by the id of each cell, "done" or why it is not; `reused`: the number of cells
    that were done before."""

    plan: Plan = field(repr=False)
    folder: Path
    statuses: Mapping[str, str]
    reused: int

    @property
    def records(self) -> list[CellRecord]:
        """Of the plan's cells, as they are in the results folder now."""
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
    """Train and score what is left of a suite, in processes of their own, as `harness run` does.

    suite: a file, or what `load_suite` made of one.
    results: the folder of results; by default results/NAME.
    only: some cells, such as {"method": ["simclr", "maml"]}.
    device: "auto", "cpu", "cuda" or "cuda:N"; workers: cells at a time, by default one for each GPU, or each core;
        threads: of each cell, of the executor `local`.
    executor, executor_options: where cells run, over what the suite says.
    display: is told how the run goes on; without one nothing is shown.

    A cell that fails is no error: its status says so, and its record why. Raises UsageError for a mistake in the suite
    or the arguments, before anything trains. KeyboardInterrupt ends the cells, which keep a checkpoint.
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
        display.starting(suite.name, before, store.folder)
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
