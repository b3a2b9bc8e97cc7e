"""Runs the cells of a plan that are not done: gives them to an executor and watches them.

It also records how a job ended that could not do so itself. Other runs may use the same results folder.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from harness.base.atomic_files import DamagedError, read_json, write_json
from harness.base.counting import clear_progress, read_progress
from harness.base.errors import UsageError
from harness.base.outcome import Outcome, by_exit, last_words
from harness.base.processes import oom_kills
from harness.base.wording import quantity
from harness.plugins.events import CellFinished, RunFinished
from harness.plugins.executors import Ended, Executor, Job
from harness.plugins.manager import installed_plugins
from harness.running.job import NOT_RUN
from harness.running.job_command import PREPARE, CellCommand, PrepareCommand
from harness.running.progress import Progress
from harness.running.run_options import Display, RunOptions
from harness.running.submitted import Submitted
from harness.store import lease
from harness.store.damage import repair
from harness.store.results_folder import ATTEMPT, Store
from harness.store.starts import unmet_need
from harness.suite.plan import Plan

POLL_SECONDS = 0.5
AGAIN = "{}: runs again, because the model that it starts from, or is judged by, has changed."


def run_plan(
    plan: Plan, store: Store, executor: Executor, display: Display, options: RunOptions | None = None
) -> dict[str, str]:
    """Run the cells of `plan` that are not done, or with `fresh` all of them, and return the status of each cell.

    With `detach`, the status of a cell that was left to the executor is "submitted". Raises UsageError with all
    mistakes that the preparation found, before anything trains or is removed.
    """
    options = options or RunOptions()
    store.sweep()
    for message in repair(store, plan):
        display.warn(message)
    path = store.write_plan(plan)
    adopted = {job.name: Submitted.of(job, store) for job in executor.adopt(plan.cells)}
    if options.fresh and adopted:
        raise UsageError(
            f"--fresh: jobs of an earlier run have not ended yet ({quantity(len(adopted), 'cell')}). Run without "
            "--fresh first, to wait for them; to end them, interrupt that run."
        )
    wanted = {"todo", "running", *options.retry}
    fresh = plan.cells.keys() - plan.along if options.fresh else frozenset()
    left = [id_ for id_, status in store.statuses(plan).items() if id_ in fresh or status in wanted or id_ in adopted]
    for id_ in left:
        if id_ not in fresh and store.is_stale(plan.cells[id_]):
            display.warn(AGAIN.format(plan.cells[id_].name()))
    mistakes: list[str] = []
    submitted: Collection[str] = ()
    if left:
        work = Scheduler(path, Progress(plan, store, left), executor, display, options, adopted)
        try:
            mistakes = work.prepare()
            if not mistakes:
                work.forget([id_ for id_ in left if id_ in fresh])
                submitted = work.leave() if options.detach else work.go()
        except BaseException:
            work.stop()
            raise
    if mistakes:  # what an earlier run has submitted goes on
        raise UsageError("\n".join(mistakes))
    store.bring_up_to_date(plan)
    after = {**store.statuses(plan), **dict.fromkeys(submitted, "submitted")}
    if not options.detach:
        installed_plugins().notify("run_finished", RunFinished(store.folder, Counter(after.values())))
    return after


class Scheduler:
    """The state of one run's cells: waiting here, submitted to the executor, or running in another run.

    A cell is `blocked` until the cells that it starts from, or is judged by, have ended.
    """

    def __init__(
        self,
        plan: Path,
        progress: Progress,
        executor: Executor,
        display: Display,
        options: RunOptions,
        adopted: Mapping[str, Submitted],
    ) -> None:
        self.plan = plan.absolute()  # a job may run in another folder
        self.progress = progress
        self.store = progress.store
        self.executor = executor
        self.display = display
        self.options = options
        self.run = lease.new_run()
        self.watch = lease.Watch(self.run)
        self.oom_kills = oom_kills()
        self.followers: dict[str, list[str]] = {}
        for id_, cell in progress.plan.cells.items():
            for need in cell.needs:
                self.followers.setdefault(need.id, []).append(id_)
        own, coming = [id_ for id_ in progress.left if id_ not in adopted], set(progress.left)
        self.blocked = {id_: needs for id_ in own if (needs := self._needs_of(id_) & coming)}
        self.waiting = deque(id_ for id_ in own if id_ not in self.blocked)
        self.submitted = dict(adopted)
        self.elsewhere: list[str] = []
        begun = self.store.begun()
        self.since = {id_: self.store.cell(id_).next_number() if id_ in begun else 1 for id_ in own}
        self.since |= {id_: job.since for id_, job in adopted.items()}

    def prepare(self) -> list[str]:
        """The mistakes that it found."""
        if not self.waiting and not self.blocked:  # the runs that submitted all others have done so
            return []
        self.display.preparing()
        found = self.store.findings(self.plan, self.run).absolute()
        found.parent.mkdir(parents=True, exist_ok=True)
        log = found.with_suffix(".log")
        self.executor.submit(Job(PREPARE, PrepareCommand(plan=self.plan, found=found).to_args(), str(log)))
        code = None
        while code is None:
            for ended in self.executor.poll(POLL_SECONDS):
                if ended.name == PREPARE:
                    code = ended.exit_code
                else:  # adopted; it is not reported again
                    self._end(ended)
            self.display.prepares(read_progress(found) if code is None else "")
        clear_progress(found)
        result = read_json(found)
        found.unlink(missing_ok=True)
        if result is None:  # killed, say, by one data set: its cells will say so, and the others go on
            cause = by_exit(code).message
            self.display.warn(f"the data could not be prepared ({cause}); see {log}.")
            return []
        log.unlink(missing_ok=True)
        for line in result.get("read", ()):
            self.display.say(line)
        for warning in result.get("warnings", ()):
            self.display.warn(warning)
        return list(result["errors"])

    def forget(self, cells: Collection[str]) -> None:
        for id_ in cells:
            if self._take_over(id_) != "theirs" and self.store.forget(id_):
                self.since[id_] = 1
            else:
                self.display.warn(
                    f"{self.progress.plan.cells[id_].name()}: is not removed, because another run is running it now."
                )

    def leave(self) -> Collection[str]:
        """Submit all cells that no other run has; return what the executor then has."""
        while self.waiting:
            self._submit(None)
        cells = self.progress.plan.cells
        for id_ in [each for each in cells if each in self.blocked]:  # what others need comes first
            needs = self.blocked[id_]
            if needs <= self.submitted.keys() and self._take_over(id_) == "free":
                del self.blocked[id_]
                self._start(id_, after=tuple(sorted(needs)))
        if self.blocked:
            self.display.warn(
                f"{quantity(len(self.blocked), 'cell is', 'cells are')} not submitted yet: another run is training "
                f"what {'it needs' if len(self.blocked) == 1 else 'they need'}."
            )
        return self.submitted

    def go(self) -> Collection[str]:
        """Run until all cells have ended, here or in other runs."""
        while self.waiting or self.submitted or self.elsewhere:
            self._submit(self.executor.capacity)
            for name in self.executor.running:
                if name in self.submitted:
                    self.progress.begin(name)
            if self.submitted:
                for ended in self.executor.poll(POLL_SECONDS):
                    self._end(ended)
            elif not self.waiting:
                time.sleep(POLL_SECONDS)
            self.progress.elsewhere = len(self.elsewhere)
            self.waiting.extend(self.elsewhere)  # to look again
            self.elsewhere = []
            self.display.update(self.progress)
        return ()

    def stop(self) -> None:
        """End all jobs: by request, and immediately if interrupted a second time."""
        try:
            if self.executor.running:
                self.display.warn("stopping: cells save their state; interrupt again to end them at once.")
            self.executor.cancel()
        except KeyboardInterrupt:
            self.executor.kill()
        for id_ in self.submitted:
            self._take_over(id_)

    def _submit(self, capacity: int | None) -> None:
        """Give the executor as many cells as it takes, and no more: it must not hold what another run could do."""
        for _ in range(len(self.waiting)):
            if capacity is not None and len(self.submitted) >= capacity:
                return
            id_ = self.waiting.popleft()
            whose = self._take_over(id_)
            if whose == "theirs":
                self.elsewhere.append(id_)
            elif whose == "ended":
                self._end_elsewhere(id_)
            elif outcome := unmet_need(self.progress.plan.cells[id_], self.store.cell):
                self._end_unrun(id_, outcome)
            else:
                self._start(id_)

    def _take_over(self, id_: str) -> Literal["free", "theirs", "ended"]:
        """Whose a cell is, once it is taken from an owner that is dead."""
        whose = self._whose(id_)
        if isinstance(whose, lease.Signs):
            self.store.bury(id_, whose.content)
            return self._free_or_ended(id_)
        return whose

    def _whose(self, id_: str) -> Literal["free", "theirs", "ended"] | lease.Signs:
        """Changes nothing. `Signs`: those of a lease whose owner is dead.

        Looks at the lease first: who gives it back has written everything before.
        """
        path = self.store.lease(id_)
        if seen := lease.signs(path):
            return seen if self.watch.is_dead(path, seen) else "theirs"
        return self._free_or_ended(id_)

    def _free_or_ended(self, id_: str) -> Literal["free", "ended"]:
        """Of a cell that nobody runs."""
        cell = self.progress.plan.cells[id_]
        evaluators = self.progress.plan.evaluators_of(cell)
        return "ended" if self.store.ended_since(cell, self.since[id_], evaluators) else "free"

    def _needs_of(self, id_: str) -> set[str]:
        """The ids of what a cell starts from and is judged by."""
        return {each.id for each in self.progress.plan.cells[id_].needs}

    def _follow(self, id_: str) -> None:
        """A cell has ended: let the cells that need it begin, or run them again if they used another model of it."""
        for each in reversed(self.followers.get(id_, ())):
            cell = self.progress.plan.cells[each]
            if each in self.blocked:
                self.blocked[each].discard(id_)
                if not self.blocked[each]:
                    del self.blocked[each]
                    self.waiting.appendleft(each)
            elif each not in self.since and self.store.is_stale(cell):
                self.display.warn(AGAIN.format(cell.name()))
                self.since[each] = self.store.cell(each).next_number()
                self.progress.add(each)
                self.waiting.appendleft(each)

    def _start(self, id_: str, after: tuple[str, ...] = ()) -> None:
        attempt = self.store.cell(id_).next_attempt().absolute()
        attempt.parent.mkdir(parents=True, exist_ok=True)
        self.submitted[id_] = Submitted(attempt, self.run, self.since[id_])
        command = CellCommand(
            plan=self.plan,
            id=id_,
            attempt=attempt,
            since=self.since[id_],
            run=self.run,
            timeout=self.options.limits.seconds,
            memory=self.options.limits.gigabytes,
            checkpoint_every=self.options.checkpoint_every,
            profile=self.options.profile,
        )
        devices = self.progress.plan.cells[id_].budget.devices
        self.executor.submit(Job(id_, command.to_args(), str(attempt.with_suffix(".log")), devices, after))

    def _end(self, ended: Ended) -> None:
        id_, job = ended.name, self.submitted.pop(ended.name)
        held = job.held_attempt(self.store, id_)
        if ended.exit_code == NOT_RUN and not held:
            # what it would have written may be there, from who has run it
            self.progress.back(id_)
            self.waiting.append(id_)
            return
        attempt = held or self.store.cell(id_).latest(job.attempt)
        outcome = _read(attempt)
        if outcome is None:  # it was killed, or could not begin
            log, stage = job.attempt.with_suffix(".log"), self.store.cell(id_).stage()
            outcome = self._why(ended.exit_code, log, stage).as_json(attempt)
            with self.store.changing(id_):
                write_json(attempt, outcome)
        job.release(self.store, id_)
        self.progress.end(id_, well=outcome["status"] == "ok")
        self._tell(id_, outcome)
        self._follow(id_)

    def _why(self, exit_code: int, log: Path, stage: str) -> Outcome:
        """The outcome of a job that could not record it itself."""
        known, self.oom_kills = self.oom_kills, oom_kills()
        outcome = by_exit(exit_code, last_words(log), stage)
        if outcome.signal == "SIGKILL" and self.oom_kills > known:
            return replace(outcome, status="oom", message="the system ran out of memory and killed it")
        return outcome

    def _tell(self, id_: str, outcome: Mapping[str, Any]) -> None:
        cell = self.progress.plan.cells[id_]
        folder = self.store.cell(id_)
        record = folder.record()
        scores = {
            f"{evaluation['label']} {name}": metric["value"]
            for evaluation in (record.evaluations.values() if record else [])
            for name, metric in evaluation["metrics"].items()
        }
        installed_plugins().notify(
            "cell_finished", CellFinished(cell.as_json(), outcome["status"], scores, folder.folder.absolute())
        )
        self.display.ended(cell, outcome["status"], outcome["message"], self.progress.took[id_])

    def _end_elsewhere(self, id_: str) -> None:
        failure = self.store.cell(id_).failure() or {"status": "ok", "message": ""}
        self.progress.end_elsewhere(id_)
        self.display.ended(self.progress.plan.cells[id_], failure["status"], failure["message"], None)
        self._follow(id_)

    def _end_unrun(self, id_: str, outcome: Outcome) -> None:
        """What a cell needs has failed, and so has the cell. If that was interrupted, both are left to do."""
        if outcome.status == "interrupted":
            self.progress.end_elsewhere(id_)
        else:
            self.store.fail(self.progress.plan.cells[id_], outcome)
            self.progress.end(id_, well=False)
            self._tell(id_, {"status": outcome.status, "message": outcome.message})
        self._follow(id_)


def _read(attempt: Path) -> Mapping[str, Any] | None:
    try:
        return read_json(attempt, ATTEMPT)
    except DamagedError:
        return None
