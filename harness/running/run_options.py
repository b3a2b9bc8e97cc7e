"""What a caller gives a run: its options, and a display that receives its progress."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.base.checkpoint_interval import DEFAULT, Interval
from harness.base.outcome import FAILURES
from harness.running.progress import Progress
from harness.running.supervisor import Limits
from harness.suite.cell import Cell


class Display:
    """Receives the progress of a run. This class shows nothing; override what you want to show."""

    def starting(self, suite: str, statuses: Mapping[str, str], folder: Path) -> None:
        """The run begins.

        Args:
            suite: Name of the suite.
            statuses: Status of each cell by its id.
            folder: The results folder.
        """

    def preparing(self) -> None:
        """Data sets are being loaded and combinations checked."""

    def prepares(self, doing: str) -> None:
        """Progress of the preparation, in words (`doing`); called about twice a second."""

    def say(self, message: str) -> None:
        """A remark on the run."""

    def warn(self, message: str) -> None:
        """A problem that does not stop the run."""

    def update(self, progress: Progress) -> None:
        """Progress of the cells; called about twice a second."""

    def ended(self, cell: Cell, status: str, message: str, seconds: float | None) -> None:
        """A cell has ended.

        Args:
            cell: The cell.
            status: How it ended.
            message: The error; "" if there is none.
            seconds: How long it took; None for a cell that another run finished.
        """


@dataclass(frozen=True)
class RunOptions:
    """Further options of a run.

    Attributes:
        fresh: Remove the results of the cells first, and run them again.
        profile: Profile ten training steps of each cell.
        retry: Statuses of earlier attempts whose cells run again.
        limits: Time and memory of each cell.
        checkpoint_every: How often a training leaves a checkpoint, such as "60s", "5min" or "100steps".
        detach: Submit the cells and return.
    """

    fresh: bool = False
    profile: bool = False
    retry: Collection[str] = FAILURES
    limits: Limits = field(default_factory=Limits)
    checkpoint_every: str = DEFAULT
    detach: bool = False

    def __post_init__(self) -> None:
        Interval.parse(self.checkpoint_every)  # a mistake ends the run before anything is loaded
