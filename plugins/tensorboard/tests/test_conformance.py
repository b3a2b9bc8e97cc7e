"""The plugin keeps the contract, as if it were installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.plugins.manager import Plugins, found
from harness.testing import check_observer

PLUGIN = Path(__file__).parent.parent


def test_tensorboard_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "rep_harness_tensorboard-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rep-harness-tensorboard\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[harness]\ntensorboard = harness_tensorboard\n")
    for folder in (PLUGIN, tmp_path):
        monkeypatch.syspath_prepend(str(folder))
    plugins = Plugins()
    plugins.load(next(entry for entry in found() if entry.name == "tensorboard"))
    assert not plugins.problems
    monkeypatch.setattr("harness.testing.observers.installed_plugins", lambda: plugins)
    check_observer("tensorboard")
