"""Shows the progress of a run: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.base.errors import printable
from harness.base.slugs import shorten
from harness.base.wording import quantity
from harness.running.progress import Progress, last_step
from harness.running.run_options import Display
from harness.suite.cell import Cell

PLAIN_SECONDS = 30.0  # between two plain lines of progress
SHOWN = 4  # running cells in plain lines of progress
LOOKING = 19  # times as long as it took to look at all running cells passes before the next look: their logs are files
NARROWEST = 20  # letters of a running cell's name, however narrow the terminal is
MARK = len("interrupted")  # the longest status


class Output(Console):
    """Standard output, without markup. One that whoever read it has closed raises BrokenPipeError; rich would leave."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 (rich calls this where it has caught the error)


class PlainDisplay(Display):
    """Prints a line per event, and a line of progress now and then."""

    def __init__(self, console: Console, words: Callable[[str], str] = str) -> None:
        """`words`: how a warning is said; as it is by default."""
        self.console = console
        self.words = words
        self.count = 0
        self.said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def starting(self, suite: str, statuses: Mapping[str, str], folder: Path) -> None:
        number = Counter(statuses.values())
        shared = f", {number['running']} in another run" if number["running"] else ""
        self.console.print(
            f"{suite}: {quantity(len(statuses), 'cell')}, {number['done']} already done{shared}; results in {folder}",
            soft_wrap=True,
        )

    def preparing(self) -> None:
        self.console.print("Preparing data and checking every combination ...")
        self.said = time.monotonic()

    def prepares(self, doing: str) -> None:
        if doing and time.monotonic() - self.said > PLAIN_SECONDS:
            self.said = time.monotonic()
            self.console.print(Text(printable(f"  {doing}")), soft_wrap=True)

    def say(self, message: str) -> None:
        self.console.print(Text(printable(message)), soft_wrap=True)

    def warn(self, message: str) -> None:
        self.console.print(Text(printable(f"warning: {self.words(message)}"), "yellow"), soft_wrap=True)

    def update(self, progress: Progress) -> None:
        if time.monotonic() - self.said > PLAIN_SECONDS:
            self.said = time.monotonic()
            self.console.print(summary(progress))
            for id_ in list(progress.begun)[:SHOWN]:
                name = progress.plan.cells[id_].name()
                self.console.print(Text(printable(f"  {name}: {doing(progress, id_)}")), soft_wrap=True)

    def ended(self, cell: Cell, status: str, message: str, seconds: float | None) -> None:
        self.console.print(ending(cell, status, message, seconds), soft_wrap=True)


class LiveDisplay(PlainDisplay):
    """A bar over all cells and a line for each running one, below the lines of those that have ended."""

    def __enter__(self) -> Self:
        self.live = Live(console=self.console, refresh_per_second=4, transient=True)
        self.live.start()
        self.next = 0.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()

    def prepares(self, doing: str) -> None:
        self.live.update(Text(printable(f"  {doing}") if doing else ""))

    def update(self, progress: Progress) -> None:
        started = time.monotonic()
        if started < self.next:
            return
        self._draw(progress)
        now = time.monotonic()
        self.next = now + LOOKING * (now - started)

    def _draw(self, progress: Progress) -> None:
        done = len(progress.took) + sum(map(progress.share, progress.begun))
        running = Table.grid(padding=(0, 2))
        running.add_column(no_wrap=True)
        doings = [doing(progress, id_) for id_ in progress.begun]
        room = max(NARROWEST, self.console.width - 4 - max(map(len, doings), default=0))
        names = shorten([printable(progress.plan.cells[id_].name()) for id_ in progress.begun], room)
        for name, each in zip(names, doings, strict=True):
            running.add_row(Text(f"  {name}"), each)
        bar = Table.grid()  # a bar alone would not end its line
        bar.add_row(ProgressBar(len(progress.left), done, width=40))
        self.live.update(Group(bar, Text(summary(progress)), running))


def display_for(console: Console, words: Callable[[str], str] = str) -> PlainDisplay:
    return LiveDisplay(console, words) if console.is_terminal else PlainDisplay(console, words)


def doing(progress: Progress, id_: str) -> str:
    """What a running cell does: its step and loss, or that it is being scored."""
    folder = progress.store.cell(id_)
    if folder.training.exists():
        return "evaluating"
    line = last_step(folder)
    return f"step {line['step']}/{line['steps']}, loss {line['loss']:.3f}" if line else "starting"


def summary(progress: Progress) -> str:
    left = progress.remaining()
    estimate = f", {'at least' if left.at_least else 'about'} {duration(left.seconds)} left" if left else ""
    elsewhere = f", {progress.elsewhere} in another run" if progress.elsewhere else ""
    running = f"{len(progress.begun)} running{elsewhere}{estimate}"
    return f"{len(progress.took)} of {quantity(len(progress.left), 'cell')} ended, {running}"


def ending(cell: Cell, status: str, message: str, seconds: float | None) -> Text:
    mark = "done" if status == "ok" else status
    style = {"done": "green", "interrupted": "yellow"}.get(mark, "red")
    where = duration(seconds) if seconds is not None else "in another run"
    line = Text.assemble((f"{mark:>{MARK}}", style), f"  {cell.name()}  ({where})")
    return line.append(f"\n{'':{MARK + 2}}{message}", style) if message and status != "ok" else line


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
