"""Data sets that are given by a name on the hub: what is in the library's cache, and what is fetched."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_hf import HfImagesConfig

from harness import UsageError
from harness.testing import check_dataset
from tests.hf_data import COMMIT, datasets, fetched, images, of_images, rows, saved, sizes

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="takes Hugging Face's datasets")


NAMED = {"name": "some-one/Insects", "revision": COMMIT}


def test_a_name_in_the_library_s_cache_is_read_without_a_network(tmp_path: Path) -> None:
    fetched(tmp_path / "hf", "default")
    dataset = of_images(HfImagesConfig(**NAMED, size=8), tmp_path)
    found = dataset.load()
    expected = images(saved(tmp_path / "saved", train=rows(0, 12), test=rows(12, 6)), size=8).load()
    for name, split in expected.items():
        assert torch.equal(found[name].samples, split.samples)  # type: ignore[arg-type]
        assert torch.equal(found[name].labels, split.labels)
    assert "'validation' is the split 'test'" in dataset.notes
    fetched(tmp_path / "hf", "second")
    assert sizes(dataset.load()) == {"train": 12, "test": 6}
    shutil.rmtree(tmp_path / "hf" / "some-one___insects" / "default")
    with pytest.raises(
        UsageError, match="'default' of some-one/Insects is not in Hugging Face's cache, which has 'second'"
    ):
        dataset.load()
    check_dataset("hf_images", **NAMED, config="second", size=8)  # `name` is an option, beside the component's own


def test_a_commit_is_never_taken_for_another(tmp_path: Path) -> None:
    fetched(tmp_path / "hf", "default")
    other = HfImagesConfig(name="some-one/Insects", revision=COMMIT[::-1])
    assert other.fingerprint() != HfImagesConfig(**NAMED).fingerprint()
    with pytest.raises(UsageError, match="is not in Hugging Face's cache, and HF_HUB_OFFLINE is set"):
        of_images(other, tmp_path).load()


def test_without_a_network_one_question_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nobody(name: str, *, revision: str, timeout: float) -> None:
        asked.append(f"{name} {revision} {timeout}")
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.dataset_info", nobody)
    with pytest.raises(UsageError) as refused:
        of_images(HfImagesConfig(**NAMED), tmp_path).load()
    assert asked == [f"some-one/Insects {COMMIT} 10.0"]
    assert "cannot be fetched (ConnectionError: no route to host)" in str(refused.value)
    assert f"datasets.load_dataset('some-one/Insects', None, revision='{COMMIT}')" in str(refused.value)


def test_what_is_not_in_the_cache_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's part is played by the library's own builder, which fills the cache."""
    calls: list[tuple[Any, ...]] = []

    def load_dataset(name: str, config: str | None, *, revision: str) -> None:
        calls.append((name, config, revision))
        fetched(tmp_path / "hf", config or "second")

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.dataset_info", lambda *_, **__: None)
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    for _ in range(2):
        found = of_images(HfImagesConfig(**NAMED, config="second", size=8), tmp_path).load()
        assert sizes(found) == {"train": 12, "test": 6}
    assert calls == [("some-one/Insects", "second", COMMIT)]
    with pytest.raises(
        UsageError, match=r"'default' of .* is not what the hub gives for commit .*, which has 'second'"
    ):
        of_images(HfImagesConfig(**NAMED, size=8), tmp_path).load()
