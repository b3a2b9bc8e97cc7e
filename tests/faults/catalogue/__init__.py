"""Faults that a user can meet, each triggered for real through the command line, and what is then said.

tests/faults/test_messages.py asserts it; docs/faults.py writes docs/faults.md from it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.catalogue.data import DATA
from tests.faults.catalogue.environment import ENVIRONMENT
from tests.faults.catalogue.exports import EXPORTS
from tests.faults.catalogue.foreign import FOREIGN
from tests.faults.catalogue.plugins import PLUGINS
from tests.faults.catalogue.results import RESULTS
from tests.faults.catalogue.score import SCORE
from tests.faults.catalogue.suites import SUITES
from tests.faults.catalogue.texts import TEXTS
from tests.faults.catalogue.weights import WEIGHTS
from tests.faults.meeting import Fault

FAULTS: dict[str, tuple[Fault, ...]] = {
    "Suites": SUITES,
    "Data": DATA,
    "Texts": TEXTS,
    "Data sets of other libraries": FOREIGN,
    "Plugins": PLUGINS,
    "Weights": WEIGHTS,
    "Scoring encoders": SCORE,
    "Results and checkpoints": RESULTS,
    "Exported encoders": EXPORTS,
    "The environment and the command line": ENVIRONMENT,
}


def all_faults() -> Iterator[Fault]:
    for faults in FAULTS.values():
        yield from faults
