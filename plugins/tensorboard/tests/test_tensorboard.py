"""The event files: continued and rewritten. tests/test_observers.py has whole runs with the plugin."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from harness import CellFinished, CellStarted, StepLogged
from harness.plugins.manager import Origin, Plugins

PLUGIN = Path(__file__).parent.parent
CELL = {
    "method": {"label": "SimCLR (temperature=0.1)"},
    "backbone": {"label": "../conv4"},
    "dataset": {"label": "glyphs"},
    "seed": 3,
}


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The entry point's module, from the folder: it is not installed where it is developed."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    import harness_tensorboard

    yield harness_tensorboard
    harness_tensorboard._cell.clear()


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    [place] = (folder / "tensorboard").iterdir()
    return [(event.step, event.value) for event in EventAccumulator(str(place)).Reload().Scalars(tag)]


def test_a_training_that_goes_on_replaces_the_steps_it_logs_again(plugin: Any, tmp_path: Path) -> None:
    for steps, loss in ((range(1, 6), 1.0), (range(4, 8), 2.0)):
        plugin.cell_started(CellStarted(CELL, tmp_path))
        for step in steps:
            plugin.step_logged(StepLogged(CELL, step, 7, {"loss": loss}))
    assert curve(tmp_path, "train/loss") == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2), (7, 2)]


def test_each_step_is_in_the_file_at_once_and_no_thread_is_started(plugin: Any, tmp_path: Path) -> None:
    threads = threading.active_count()
    plugin.cell_started(CellStarted(CELL, tmp_path))
    assert not list(tmp_path.iterdir())  # a cell that is only evaluated has no curves
    for step in (1, 2):
        plugin.step_logged(StepLogged(CELL, step, 9, {"loss": 0.5, "spread": 0.25}))
        assert curve(tmp_path, "train/spread")[-1] == (step, 0.25)
    assert threading.active_count() == threads


def test_scores_are_those_of_the_last_time_the_cell_finished(plugin: Any, tmp_path: Path) -> None:
    plugin.cell_finished(CellFinished(CELL, "failed", {}, tmp_path))
    assert not list(tmp_path.iterdir())
    plugin.cell_finished(CellFinished(CELL, "ok", {"knn accuracy": 0.5}, tmp_path))
    plugin.cell_finished(CellFinished(CELL, "ok", {"knn accuracy": 0.75, "linear accuracy": 0.25}, tmp_path))
    assert curve(tmp_path, "score/knn accuracy") == [(0, 0.75)]
    assert curve(tmp_path, "score/linear accuracy") == [(0, 0.25)]


def test_labels_stay_inside_the_cells_folder(plugin: Any, tmp_path: Path) -> None:
    plugin.cell_finished(CellFinished(CELL, "ok", {"knn accuracy": 0.5}, tmp_path))
    [place] = (tmp_path / "tensorboard").iterdir()
    assert place.name == "SimCLR-temperature=0.1-..-conv4-glyphs-seed3"


@pytest.mark.usefixtures("plugin")
def test_a_long_label_leaves_the_seed_in_the_name(tmp_path: Path) -> None:
    from harness_tensorboard.eventfile import folder_of

    cell = {**CELL, "method": {"label": "a label as long as a line " * 9}}
    name = folder_of(tmp_path, cell).name
    assert len(name) == 120
    assert name.startswith("a-label-as-long")
    assert name.endswith("glyphs-seed3")
    assert folder_of(tmp_path, {**cell, "seed": 4}).name.endswith("glyphs-seed4")


def test_registration_loads_neither_tensorboard_nor_torch() -> None:
    code = "import sys, harness_tensorboard; print({'tensorboard', 'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PLUGIN, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    code = "import sys, harness_tensorboard.scores, harness_tensorboard.curves; print({'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PLUGIN, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_missing_tensorboard_is_said_in_one_line(
    plugin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("curves", "scores", "eventfile"):
        monkeypatch.delitem(sys.modules, f"harness_tensorboard.{name}", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.setitem(sys.modules, name, None)  # its import fails
    plugins = Plugins()
    plugins.add(plugin, Origin("tensorboard", "rep-harness-tensorboard", "0.1.0"))
    plugins.notify("cell_started", CellStarted(CELL, tmp_path))
    for step in (1, 2, 3):
        plugins.notify("step_logged", StepLogged(CELL, step, 3, {"loss": 1.0}))
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "harness: warning: plugin 'tensorboard' (rep-harness-tensorboard 0.1.0): cell_started raised"
    )
    assert "tensorboard" in line.partition("Error: ")[2]
    assert not list(tmp_path.iterdir())
