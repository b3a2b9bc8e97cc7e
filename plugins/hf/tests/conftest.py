"""A cache of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hf_data import datasets


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)  # there is no network here; one test asks without
    datasets.disable_progress_bars()
