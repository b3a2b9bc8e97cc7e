"""The report of a comparison: all rows, and the exit code that they lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.reporting.gate.changes import changes
from harness.reporting.gate.rows import ALARMS, COMPARED, FAILURES, ORDER, Row
from harness.reporting.gate.snapshot import Snapshot
from harness.reporting.gate.verdicts import compare
from harness.suite.tolerances import Gate

FINE, REGRESSED, UNKNOWN = 0, 1, 3  # exit codes; 2 is a mistake in the command, the suite or the environment


@dataclass(frozen=True)
class Report:
    """`notes`: what differs between the two runs apart from results."""

    suite: str
    rows: Sequence[Row]
    notes: Sequence[str]
    alpha: float

    @property
    def code(self) -> int:
        """1: something got worse or suspiciously better, is gone or failed: a matter of the change.
        3: nothing, or not everything, could be compared: it may be well or not."""
        verdicts = {row.verdict for row in self.rows}
        if verdicts.isdisjoint(COMPARED):
            return UNKNOWN
        if not verdicts.isdisjoint(FAILURES):
            return REGRESSED
        return UNKNOWN if "not comparable" in verdicts else FINE

    @property
    def alarms(self) -> list[Row]:
        """The rows that are no good, worst first."""
        return sorted((row for row in self.rows if row.verdict in ALARMS), key=lambda row: ALARMS.index(row.verdict))

    @property
    def summary(self) -> str:
        """'2 regressed, 10 within noise'."""
        counts = Counter(row.verdict for row in self.rows)
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict])
        nothing = "" if set(counts) & set(COMPARED) else "nothing could be compared"
        return ": ".join(filter(None, [nothing, said]))


def report(before: Snapshot, after: Snapshot, gate: Gate, *, everything: bool = False, accept: bool = False) -> Report:
    """With `accept`, what is suspicious counts as improved.

    Raises UsageError for a tolerance of a metric that is nowhere.
    """
    rows = compare(before, after, gate, everything=everything)
    if accept:
        rows = [_accepted(row) if row.verdict == "suspicious" else row for row in rows]
    return Report(after.suite or before.suite, rows, list(changes(before, after)), gate.alpha)


def _accepted(row: Row) -> Row:
    return replace(row, verdict="improved", why=f"suspicious, accepted: {row.why}")
