"""The conformance checks of an observer."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError, nearest
from harness.plugins.events import CellFinished, CellStarted, RunFinished, StepLogged
from harness.plugins.manager import Origin, installed_plugins
from harness.suite.budget import Budget
from harness.suite.cell import Cell
from harness.testing import declared
from harness.testing.problem import small_net
from harness.testing.report import Fault, conform
from harness.testing.unchanged import random_states_kept, settings_kept

HOOKS = {
    CellStarted: "cell_started",
    StepLogged: "step_logged",
    CellFinished: "cell_finished",
    RunFinished: "run_finished",
}
Event = CellStarted | StepLogged | CellFinished | RunFinished


def check_observer(name: str) -> None:
    """Check an observer: send it all events of a job and of a run.

    Args:
        name: Name of the plugin's entry point.

    Raises:
        ConformanceError: Checks failed; the message lists all of them.
    """
    conform(f"observer '{name}'", ObserverSubject(_origin(name)), CHECKS, NEEDED)


def _origin(name: str) -> Origin:
    """Raises UsageError if no plugin of that name is in use."""
    plugins = installed_plugins()
    for origin in plugins.origins.values():
        if name in (origin.plugin, f"{origin.distribution}:{origin.plugin}"):
            return origin
    reasons = [str(problem) for problem in plugins.problems if problem.origin.plugin == name]
    known = [origin.plugin for origin in plugins.origins.values()]
    raise UsageError("; ".join(reasons) or f"there is no plugin '{name}'.{nearest(name, known)}")


@dataclass(frozen=True)
class ObserverSubject:
    """A plugin that implements event hooks."""

    origin: Origin

    @property
    def hooks(self) -> dict[str, Any]:
        """Its event hooks by name."""
        return {
            hook: implementation
            for hook in HOOKS.values()
            for origin, implementation in installed_plugins().implementations(hook)
            if origin == self.origin
        }

    def tell(self, events: Iterable[Event]) -> Fault | None:
        """As the harness does, until one event makes it raise, which is then a Fault."""
        for event in events:
            hook = HOOKS[type(event)]
            if implementation := self.hooks.get(hook):
                try:
                    implementation.function(*([event] if implementation.argnames else []))
                except Exception as error:  # noqa: BLE001 (whatever a stranger's observer raises is its failure)
                    said = f"{type(error).__name__}: {' '.join(str(error).split())[:140]}"
                    change = "take what the event says, and nothing from an earlier one that may not have come"
                    return Fault(f"{hook} raises {said}", change)
        return None


@contextmanager
def job(name: str) -> Iterator[list[Event]]:
    """What is sent in the process of a cell: its start and its steps, one of which may have no finite loss."""
    with tempfile.TemporaryDirectory(prefix="harness-cell-") as folder:
        cell = cell_of(name)
        metrics = ({"loss": 2.0}, {"loss": 1.0, "accuracy": 0.5}, {"loss": math.nan, "accuracy": 0.5})
        steps: list[Event] = [StepLogged(cell, step, 3, said) for step, said in enumerate(metrics, start=1)]
        yield [CellStarted(cell, Path(folder)), *steps]


@contextmanager
def run(name: str) -> Iterator[list[Event]]:
    """What is sent in the process of a run: ends of cells whose starts were told elsewhere, one without a score."""
    with tempfile.TemporaryDirectory(prefix="harness-run-") as folder:
        ends: list[Event] = [
            CellFinished(cell_of(name), "ok", {"knn accuracy": 0.5}, Path(folder)),
            CellFinished(cell_of(name), "failed", {}, Path(folder)),
        ]
        yield [*ends, RunFinished(Path(folder), {"done": 1, "failed": 1})]


def cell_of(suite: str) -> dict[str, Any]:
    """A cell as events have it: method, backbone and data set with their options, budget and seed."""
    part = small_net()
    return Cell(suite, part, part, part, 0, Budget(steps=3)).as_json()


def it_observes_something(subject: ObserverSubject) -> None:
    """It implements an event hook."""
    if not subject.hooks:
        hooks = ", ".join(HOOKS.values())
        raise Fault("it implements no event hook", f"decorate a function of one of these names with hookimpl: {hooks}")


def importing_it_is_cheap(subject: ObserverSubject) -> None:
    """Loading the entry point imports no torch: every command of the harness loads it."""
    declared.lazy(subject.origin, "")


def a_training_is_observed(subject: ObserverSubject) -> None:
    """It takes the start and the steps of a cell, in the process of that cell."""
    with job("trained") as events:
        if fault := subject.tell(events):
            raise fault


def a_run_is_observed_without_its_trainings(subject: ObserverSubject) -> None:
    """It takes the ends of cells and of the run, whose starts and steps were told in other processes."""
    with run("run elsewhere") as events:
        if fault := subject.tell(events):
            raise fault


def events_are_left_as_they_are(subject: ObserverSubject) -> None:
    """What other observers will be told is not changed."""
    with job("shared") as begun, run("shared") as ended:
        events = [*begun, *ended]
        before = copy.deepcopy(events)
        subject.tell(events)
        for event, old in zip(events, before, strict=True):
            if repr(event) != repr(old):
                hook = HOOKS[type(event)]
                raise Fault(f"{hook} changes its event", "copy what you change: dict(event.metrics)")


def settings_of_the_process_are_kept(subject: ObserverSubject) -> None:
    """Default dtype, threads and the like are as before: it is called amid a training."""
    with settings_kept("observing"), job("settings") as events:
        subject.tell(events)


def global_generators_are_left_alone(subject: ObserverSubject) -> None:
    """It neither draws from the global generators nor seeds them: it is called amid a training."""
    with random_states_kept("observing"), job("random") as events:
        subject.tell(events)


NEEDED = (it_observes_something,)
CHECKS = (
    importing_it_is_cheap,
    a_training_is_observed,
    a_run_is_observed_without_its_trainings,
    events_are_left_as_they_are,
    settings_of_the_process_are_kept,
    global_generators_are_left_alone,
)
