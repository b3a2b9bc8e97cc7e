"""A pytest plugin that runs `harness check` as tests, one for each row of the baseline.

`pytest -p harness.pytest_plugin --harness-suite FILE --harness-baseline FILE`

Without these options it does nothing and imports only pytest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.reporting.gate.report import Report

RESULTS = "HARNESS_PYTEST_RESULTS"  # all workers of pytest-xdist share one folder, and `harness run` shares the work
OTHERWISE = "anything else"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options --harness-suite, --harness-baseline and --harness-results."""
    group = parser.getgroup("harness", "regression gate of harness")
    group.addoption("--harness-suite", metavar="FILE", help="a suite to run and check against --harness-baseline")
    group.addoption("--harness-baseline", metavar="FILE", help="made by 'harness baseline'")
    group.addoption(
        "--harness-results", metavar="DIR", help="keep results here, and reuse them [default: a temporary folder]"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the options and remember them. The suite runs when the first row is tested.

    Raises:
        pytest.UsageError: One of the two files is not given, or does not exist.
    """
    suite, baseline, results = (config.getoption(f"harness_{name}") for name in ("suite", "baseline", "results"))
    if suite is None and baseline is None:
        return
    if suite is None or baseline is None:
        raise pytest.UsageError("--harness-suite and --harness-baseline must be given together.")
    for file in (suite, baseline):
        if not Path(file).is_file():
            raise pytest.UsageError(f"{file}: there is no such file.")
    if results is None and RESULTS not in os.environ:
        os.environ[RESULTS] = tempfile.mkdtemp(prefix="harness-pytest-")
        config.add_cleanup(_remove)
    folder = Path(results or os.environ[RESULTS])
    config.stash[_CHECK] = _Check(Path(suite), Path(baseline), folder)


def _remove() -> None:
    shutil.rmtree(os.environ.pop(RESULTS), ignore_errors=True)


@dataclass(frozen=True)
class _Check:
    """A run of the suite and its comparison with the baseline, made when the first row is tested."""

    suite: Path
    baseline: Path
    results: Path

    @cached_property
    def found(self) -> Report:
        """The report. Raises _CheckError, for each row that asks, if the suite or the baseline is wrong."""
        report = self._made
        if isinstance(report, str):
            raise _CheckError(report)
        return report

    @cached_property
    def _made(self) -> Report | str:
        """The report, or the message of the user's mistake. A check that failed is not run again for the next row."""
        from harness.base.errors import UsageError
        from harness.base.wording import quantity
        from harness.reporting.gate.baseline import load
        from harness.reporting.gate.report import report
        from harness.reporting.gate.snapshot import snapshot
        from harness.running.session import run
        from harness.suite.suite import load_suite

        try:
            suite, before = load_suite(self.suite), load(self.baseline)
            finished = run(suite, results=self.results)
            found = report(before, snapshot(finished.records, str(self.suite)), suite.gate)
        except UsageError as error:
            return str(error)
        if finished.reused:
            advice = "if code has changed since, name an empty folder"
            said = f"{quantity(finished.reused, 'cell was', 'cells were')} done before by the same versions"
            warnings.warn(f"{self.results}: {said}; {advice}.", stacklevel=1)
        return found

    @cached_property
    def expected(self) -> list[str]:
        """The names of the rows that the baseline has. Raises pytest.UsageError if it is damaged."""
        from harness.base.errors import UsageError
        from harness.reporting.gate.baseline import load
        from harness.reporting.gate.rows import Row

        try:
            groups = load(self.baseline).groups
        except UsageError as error:
            raise pytest.UsageError(str(error)) from error
        return [
            Row(key, label, metric, "missing").name
            for key, group in groups.items()
            for label, evaluation in group.evaluations.items()
            for metric in evaluation.metrics
        ]


_CHECK = pytest.StashKey[_Check]()


class _CheckError(Exception):
    """A row failed; only the message is shown, as a traceback says nothing more."""


class _Row(pytest.Item):
    """The test of one row of the report."""

    def runtest(self) -> None:
        from harness.reporting.gate.text import line

        check = self.config.stash[_CHECK]
        rows = {row.name: row for row in check.found.rows}
        if self.name == OTHERWISE:
            others = [line(row) for row in check.found.alarms if row.name not in check.expected]
            if others or (check.found.code and not check.found.alarms):
                raise _CheckError("\n".join(others) or check.found.summary)
        elif self.name not in rows:
            pytest.skip("not compared: the suite's gate names no tolerance for it")
        elif rows[self.name] in check.found.alarms:
            raise _CheckError(line(rows[self.name]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return str(excinfo.value) if isinstance(excinfo.value, _CheckError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.config.stash[_CHECK].suite, None, f"harness check: {self.name}"


class _Rows(pytest.Collector):
    """All rows of a suite, below its file."""

    def collect(self) -> Iterator[_Row]:
        for name in (*self.config.stash[_CHECK].expected, OTHERWISE):
            yield _Row.from_parent(self, name=name)


@pytest.hookimpl(tryfirst=True)  # before -k chooses
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Append a test for each row of the baseline, and one for all other findings."""
    if _CHECK in config.stash:
        suite = config.stash[_CHECK].suite
        rows = _Rows.from_parent(session, name=f"harness check {suite.name}", nodeid=f"{suite.name}::harness check")
        items.extend(rows.collect())
