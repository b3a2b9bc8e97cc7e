"""Runs what is left of a plan on an executor, and watches."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness import jobs
from harness.cells import Cell
from harness.errors import UsageError
from harness.events import CellFinished, RunFinished
from harness.executors import Executor, Job
from harness.plan import Plan
from harness.plugins import installed
from harness.progress import Progress
from harness.store import Store, read_json, write_json

POLL_SECONDS = 0.5


class Display(Protocol):
    """Shows how a run goes on."""

    def preparing(self) -> None:
        """Data sets are loaded and combinations checked."""

    def warn(self, message: str) -> None:
        """Something is wrong that stops nothing."""

    def update(self, progress: Progress) -> None:
        """Called about twice a second."""

    def ended(self, cell: Cell, status: str, message: str, seconds: float) -> None:
        """A cell has ended."""


def run(
    plan: Plan, store: Store, executor: Executor, display: Display, *, fresh: bool = False, flags: Sequence[str] = ()
) -> dict[str, str]:
    """Run the cells of `plan` that are not done, or all of them anew, each with `flags` added to its command line. The
    status of each cell afterwards.

    Raises UsageError, before anything trains or is forgotten, with all mistakes that preparing found.
    """
    path = store.write_plan(plan)
    statuses = store.statuses(plan)
    left = list(plan.cells) if fresh else [id_ for id_, status in statuses.items() if status in ("todo", "failed")]
    if left:
        display.preparing()
        _prepare(path, store, executor, display)
        for id_ in left if fresh else ():
            store.forget(id_)
        _run_cells(path, Progress(plan, store, left), executor, display, flags)
    store.bring_up_to_date(plan)
    after: dict[str, str] = dict(store.statuses(plan))
    installed().notify("run_finished", RunFinished(store.folder, Counter(after.values())))
    return after


def _prepare(plan: Path, store: Store, executor: Executor, display: Display) -> None:
    found = store.prepared(plan)
    found.parent.mkdir(parents=True, exist_ok=True)
    found.unlink(missing_ok=True)
    log = found.with_suffix(".log")
    executor.submit(Job(jobs.PREPARE, (jobs.PREPARE, str(plan)), str(log)))
    while not (ended := executor.poll(POLL_SECONDS)):
        pass
    result = read_json(found)
    if result is None:  # killed, say, by one data set: its cells will say so, and the others go on
        display.warn(f"the data could not be prepared ({_cause(ended[0].exit_code)}); see {log}.")
    elif result["errors"]:
        raise UsageError("\n".join(result["errors"]))


def _run_cells(plan: Path, progress: Progress, executor: Executor, display: Display, flags: Sequence[str]) -> None:
    attempts: dict[str, Path] = {}
    for id_ in progress.left:
        attempt = progress.store.cell(id_).next_attempt()
        attempt.parent.mkdir(parents=True, exist_ok=True)
        attempts[id_] = attempt
        command = (jobs.CELL, str(plan), id_, "--attempt", str(attempt), *flags)
        executor.submit(Job(id_, command, str(attempt.with_suffix(".log"))))
    while len(progress.took) < len(progress.left):
        for name in executor.running:
            progress.begin(name)
        for ended in executor.poll(POLL_SECONDS):
            progress.end(ended.name)
            outcome = _outcome(attempts[ended.name], ended.exit_code)
            _tell(progress, ended.name, outcome, display)
        display.update(progress)


def _outcome(attempt: Path, exit_code: int) -> Mapping[str, Any]:
    """What the job wrote of its end; where it could not, what its exit code tells."""
    outcome = read_json(attempt)
    if outcome is None:
        log = attempt.with_suffix(".log")
        tail = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        message = ": ".join([_cause(exit_code), *tail])
        write_json(attempt, {"status": "killed" if exit_code < 0 else "failed", "message": message})
        attempt.parent.parent.joinpath("running.json").unlink(missing_ok=True)
        outcome = read_json(attempt)
    return outcome or {}


def _cause(exit_code: int) -> str:
    return f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"


def _tell(progress: Progress, id_: str, outcome: Mapping[str, Any], display: Display) -> None:
    cell = progress.plan.cells[id_]
    record = progress.store.cell(id_).record()
    scores = {
        f"{evaluation['label']} {name}": metric["value"]
        for evaluation in (record.evaluations.values() if record else [])
        for name, metric in evaluation["metrics"].items()
    }
    installed().notify("cell_finished", CellFinished(cell.as_json(), outcome["status"], scores))
    display.ended(cell, outcome["status"], outcome["message"], progress.took[id_])
