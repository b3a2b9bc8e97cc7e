"""The command `harness` within this process: most of the gate's tests start none, and importing takes a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests.conftest import Harness
from tests.gate.runs import BEFORE, run


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Harness:
    """As the fixture `harness`, for commands that start no jobs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def call(
        *arguments: str | Path, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["harness", *map(str, arguments)])
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as left:
                main()
        said = capsys.readouterr()
        found = left.value.code or 0
        assert found == code, f"exit {found}\n{said.out}\n{said.err}"
        return subprocess.CompletedProcess(list(arguments), code, said.out, said.err)

    return call


@pytest.fixture
def baseline(quick: Harness, tmp_path: Path) -> Path:
    """Of two methods with five seeds."""
    quick("baseline", run(tmp_path / "before", BEFORE), "--output", tmp_path / "baseline.json")
    return tmp_path / "baseline.json"
