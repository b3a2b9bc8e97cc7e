"""Files of the current folder have any name: none of them is executed, not by the command, its jobs or their ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SUITE = """\
name: foreign
matrix:
  method: [supervised]
  backbone: [{use: conv4, width: 8}]
  dataset: [digits]
  seed: [0]
budget: {steps: 2, batch_size: 16, devices: 2}
evaluators:
  knn: {k: 5}
"""
NAMES = ("statistics", "random", "types", "harness", "torch", "tempfile", "harness_local")


def test_files_beside_the_suite_are_not_executed(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(
            f"from pathlib import Path\nPath({str(tmp_path)!r}, 'executed-{name}').touch()\nraise SystemExit(3)\n"
        )
    (tmp_path / "suite.yaml").write_text(SUITE)
    command = Path(sys.executable).with_name("harness")  # as pip installs it: the folder of the command comes first
    done = subprocess.run(
        [command, "run", "suite.yaml"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.glob("executed-*"))
