"""Where a run stands. Every event costs the same, however many cells a run has."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from harness.store.results_folder import CellFolder, Store
from harness.suite.plan import Plan


@dataclass
class Method:
    """Cells of one method: how many wait, how many have ended, and the seconds that these took in all."""

    waiting: int = 0
    ended: int = 0
    seconds: float = 0.0

    @property
    def expected(self) -> float:
        """Seconds of those that wait, judged by those that have ended."""
        return self.waiting * self.seconds / self.ended if self.ended else 0.0


class Progress:
    """`begun`: when each running cell was started; `took`: seconds of each cell that has ended."""

    def __init__(self, plan: Plan, store: Store, left: Collection[str]) -> None:
        self.plan = plan
        self.store = store
        self.left = left
        self.begun: dict[str, float] = {}
        self.took: dict[str, float] = {}
        self.workers = 1
        self.elsewhere = 0  # cells that another run has now
        self._methods: dict[str, Method] = defaultdict(Method)
        for id_ in left:
            self._methods[self._label(id_)].waiting += 1
        self._sum = Method(waiting=len(left))
        self._expected = 0.0  # of the methods that have ended cells: the sum of their `expected`, and how many wait
        self._judged = 0

    def begin(self, id_: str) -> None:
        """A cell was seen to run; to say so again changes nothing."""
        if id_ not in self.begun and id_ not in self.took:
            self.begun[id_] = time.monotonic()
            self.workers = max(self.workers, len(self.begun))
            self._count(id_, started=1)

    def back(self, id_: str) -> None:
        """A cell that seemed to run has not: another run has it."""
        if self.begun.pop(id_, None) is not None:
            self._count(id_, started=-1)

    def end_elsewhere(self, id_: str) -> None:
        """Another run has ended a cell: it took no time of ours, and says nothing of how long ours take."""
        self.took[id_] = 0.0
        self._count(id_, started=1)

    def end(self, id_: str) -> None:
        self.begin(id_)
        self.took[id_] = time.monotonic() - self.begun.pop(id_)
        self._count(id_, ended=1, seconds=self.took[id_])

    def share(self, id_: str) -> float:
        """How much of a running cell's training is done, 0 to 1."""
        line = last_step(self.store.cell(id_))
        return line["step"] / line["steps"] if line else 0.0

    def seconds_left(self) -> float | None:
        """Until all cells have ended, judged by cells of the same method; None while nothing is known."""
        now = time.monotonic()
        guessed: dict[str, list[float]] = {}  # by method: what running cells will have taken
        for id_, begun in self.begun.items():
            if (share := self.share(id_)) > 0.05:
                guessed.setdefault(self._label(id_), []).append((now - begun) / share)
        known = self._sum.ended + sum(map(len, guessed.values()))
        if not known:
            return None
        mean = (self._sum.seconds + sum(map(sum, guessed.values()))) / known

        def whole(label: str) -> float:
            method, guesses = self._methods[label], guessed.get(label, [])
            number = method.ended + len(guesses)
            return (method.seconds + sum(guesses)) / number if number else mean

        expected = self._expected + (self._sum.waiting - self._judged) * mean
        for label in guessed:
            method = self._methods[label]
            expected += method.waiting * whole(label) - (method.expected if method.ended else method.waiting * mean)
        for id_, begun in self.begun.items():
            expected += max(0.0, whole(self._label(id_)) - (now - begun))
        return expected / self.workers

    def _count(self, id_: str, started: int = 0, ended: int = 0, seconds: float = 0.0) -> None:
        method = self._methods[self._label(id_)]
        self._expected -= method.expected
        self._judged -= method.waiting if method.ended else 0
        for counted in (method, self._sum):
            counted.waiting -= started
            counted.ended += ended
            counted.seconds += seconds
        self._expected += method.expected
        self._judged += method.waiting if method.ended else 0

    def _label(self, id_: str) -> str:
        return self.plan.cells[id_].method.label


def last_step(folder: CellFolder) -> dict[str, Any] | None:
    """The last whole line of a cell's log of steps."""
    try:
        with folder.steps.open("rb") as file:
            file.seek(max(0, folder.steps.stat().st_size - 4096))
            lines = [line for line in file.read().split(b"\n")[:-1] if line.startswith(b"{") and line.endswith(b"}")]
    except OSError:
        return None
    try:
        line = json.loads(lines[-1]) if lines else None
        return line if line and line["step"] / line["steps"] >= 0 and line["loss"] is not None else None
    except (ValueError, KeyError, TypeError, ZeroDivisionError):  # a damaged line tells nothing
        return None
