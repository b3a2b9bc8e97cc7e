"""Every test sees the toy plugin as an installed distribution, in this process and in those it starts."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy one takes longer, and finds no fault by it

TOY = Path(__file__).parent / "toy"


def _install_toy() -> str:
    """A folder that holds the toy plugin's metadata, as pip would write it."""
    site = Path(tempfile.mkdtemp(prefix="harness-toy-"))
    atexit.register(shutil.rmtree, site, ignore_errors=True)
    info = site / "harness_toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\ntoy = harness_toy\n")
    return str(site)


os.environ["OMP_NUM_THREADS"] = "1"  # these tensors are small: threads would only wait for each other
if "HARNESS_TOY" not in os.environ:  # or the process that started this worker has done so
    os.environ["HARNESS_TOY"] = _install_toy()
    _inherited = filter(None, [os.environ.get("PYTHONPATH")])
    os.environ["PYTHONPATH"] = os.pathsep.join([os.environ["HARNESS_TOY"], str(TOY), *_inherited])
_paths = [os.environ["HARNESS_TOY"], str(TOY)]
sys.path[:0] = [path for path in _paths if path not in sys.path]
sys.path.insert(0, str(Path(__file__).parent.parent))  # processes that are forked for a test import tests/warm.py


def install(folder: Path, name: str, source: str, *, entry: str = "", needs: str = "") -> None:
    """Put a plugin into a folder as pip would: module plugin_NAME of distribution plugin-NAME 2.0."""
    (folder / f"plugin_{name}.py").write_text(source)
    info = folder / f"plugin_{name}-2.0.dist-info"
    info.mkdir()
    requirement = f"Requires-Dist: {needs}\n" if needs else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 2.0\n{requirement}")
    (info / "entry_points.txt").write_text(f"[harness]\n{entry or name} = plugin_{name}\n")


Harness = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """Run the command `harness` in a folder of its own; the completed process."""

    def call(
        *arguments: str | Path,
        code: int = 0,
        env: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        from tests import warm  # imports the harness, which must not be before the toy plugin is in its path

        done = warm.run(arguments, tmp_path, {"COLUMNS": "80", **(env or {})}, before=before)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return call


SUITE = """\
name: toy
matrix:
  method: [classify, idle]
  backbone: [flat]
  dataset: [blobs]
  seed: [0, 1]
budget: {steps: 30, batch_size: 32, lr: 0.1}
evaluators:
  nearest: {}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Callable[[str], Path]:
    """Write a suite file; its path."""

    def write(text: str = SUITE) -> Path:
        path = tmp_path / "benchmarks.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
