"""The plugin keeps the contract: in a process that finds it installed, as this one does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_tensorboard_conforms(tmp_path: Path) -> None:
    info = tmp_path / "rep_harness_tensorboard-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rep-harness-tensorboard\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[harness]\ntensorboard = harness_tensorboard\n")
    path = os.pathsep.join(map(str, [tmp_path, Path(__file__).parent.parent, os.environ.get("PYTHONPATH", "")]))
    code = "from harness.testing import check_observer; check_observer('tensorboard'); print('it conforms')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "it conforms\n", done.stderr
