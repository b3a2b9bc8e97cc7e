"""Runs what is left of a plan on an executor, and watches. Other runs may work on the same results folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from harness.base.errors import UsageError
from harness.plugins.events import RunFinished
from harness.plugins.executors import Executor
from harness.plugins.manager import installed
from harness.running.progress import Progress
from harness.running.scheduler import Display, Options, Work
from harness.running.submitted import Submitted
from harness.store.damage import repair
from harness.store.results_folder import Store
from harness.suite.plan import Plan

__all__ = ["Display", "Options", "run"]


def run(
    plan: Plan, store: Store, executor: Executor, display: Display, options: Options | None = None
) -> dict[str, str]:
    """Run the cells of `plan` that are not done, or all of them anew. The status of each cell afterwards; for one that
    `detach` leaves to the executor, "submitted".

    Raises UsageError, before anything trains or is forgotten, with all mistakes that preparing found.
    """
    options = options or Options()
    store.sweep()
    for message in repair(store, plan):
        display.warn(message)
    path = store.write_plan(plan)
    adopted = {job.name: Submitted.of(job, store) for job in executor.adopt(plan.cells)}
    if options.fresh and adopted:
        raise UsageError(
            f"--fresh: jobs of an earlier run have not been waited for ({len(adopted)} cells). Run without --fresh "
            "first; interrupted then, it ends them."
        )
    wanted = {"todo", "running", *options.retry}
    left = [id_ for id_, status in store.statuses(plan).items() if options.fresh or status in wanted or id_ in adopted]
    mistakes: list[str] = []
    submitted: Collection[str] = ()
    if left:
        work = Work(path, Progress(plan, store, left), executor, display, options, adopted)
        try:
            mistakes = work.prepare()
            if not mistakes:
                work.forget(left if options.fresh else ())
                submitted = work.leave() if options.detach else work.go()
        except BaseException:
            work.stop()
            raise
    if mistakes:  # what an earlier run has submitted goes on
        raise UsageError("\n".join(mistakes))
    store.bring_up_to_date(plan)
    after = {**store.statuses(plan), **dict.fromkeys(submitted, "submitted")}
    if not options.detach:
        installed().notify("run_finished", RunFinished(store.folder, Counter(after.values())))
    return after
