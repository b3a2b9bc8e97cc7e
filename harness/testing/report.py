"""Runs all checks and reports every failure, not only the first."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from harness.base.wording import quantity
from harness.testing.world import preserve_state

S = TypeVar("S")


class Fault(Exception):  # noqa: N818 (what a check finds is a fault of the plugin's)
    """Raised by a check: what it saw, and what the author should change."""

    def __init__(self, seen: str, change: str) -> None:
        super().__init__(seen, change)
        self.seen, self.change = seen, change


@dataclass(frozen=True)
class Failure:
    """One check that failed.

    Attributes:
        check: Name of the check.
        seen: What was seen.
        change: What the author should change.
    """

    check: str
    seen: str
    change: str

    def __str__(self) -> str:
        return f"{self.check}: {self.seen}; {self.change}"


class ConformanceError(AssertionError):
    """A plugin does not follow the contract.

    Args:
        what: The kind and name of the component.
        failures: Every check that failed.
    """

    def __init__(self, what: str, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        first = f"{what} fails {quantity(len(failures), 'check')}"
        super().__init__("\n".join([first, *(f"  {failure}" for failure in failures)]))


def conform(
    what: str, subject: S, checks: Sequence[Callable[[S], None]], needed: Sequence[Callable[[S], None]] = ()
) -> None:
    """Run every check on `subject`; the name of a check is that of its function.

    The `needed` ones come first; if one fails, the others are not run. Raises ConformanceError with all failures.
    """
    failures = list(islice((failure for check in needed if (failure := _failure(check, subject))), 1))
    if not failures:
        failures = [failure for check in checks if (failure := _failure(check, subject))]
    if failures:
        raise ConformanceError(what, failures)


def _failure(check: Callable[[S], None], subject: S) -> Failure | None:
    name = check.__name__.replace("_", " ")
    try:
        with preserve_state():
            check(subject)
    except Fault as fault:
        return Failure(name, fault.seen, fault.change)
    except Exception as error:  # noqa: BLE001 (whatever a stranger's component raises is its failure)
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())
        return Failure(name, f"{type(error).__name__}: {said}", f"see {Path(last.filename).name}:{last.lineno}")
    return None
