"""The option --checkpoint-every: how often a training saves a checkpoint."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.base.errors import UsageError

DEFAULT = "60s"
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Interval:
    """So many seconds, or so many steps."""

    seconds: float = math.inf
    steps: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Of "30s", "5min", "1h" or "100steps". Raises UsageError for anything else."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h|steps?)", text.strip())
        if not match or not float(match[1]):
            raise UsageError(f"--checkpoint-every is written as 30s, 5min, 1h or 100steps, not '{text}'.")
        number, unit = float(match[1]), match[2]
        return cls(seconds=number * SECONDS[unit]) if unit in SECONDS else cls(steps=number)

    def over(self, steps: int, seconds: float) -> bool:
        """Whether it is over, so many steps and seconds after it began."""
        return steps >= self.steps or seconds >= self.seconds
