"""Data sets and backbones of text keep the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import TextView
from harness.testing import check_backbone, check_dataset, check_modality


def test_grammar_conforms() -> None:
    check_dataset("grammar", triples=50)


@pytest.mark.parametrize("view", ["dropout", "crop", "delete"])
def test_views_conform(view: Any) -> None:
    check_modality("grammar", triples=24, augmentation=TextView(view=view, rate=0.4))


def test_sentences_conforms(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n" + "".join(f"sentence number {number},{number % 2}\n" for number in range(40)))
    check_dataset("sentences", path=path)


def test_sts_conforms(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    lines = (
        f"STSB\t{split}\tx\t4.5\t{split} {number}\tand {split} {number}"
        for split in ("train", "test")
        for number in range(30)
    )
    path.write_text("\n".join(("task\tsplit\tsubset\tscore\tsentence1\tsentence2", *lines)))
    check_dataset("sts", path=path)


def test_words_conforms() -> None:
    check_backbone("words", vocabulary=300)


@pytest.mark.parametrize("weighting", ["counts", "tfidf", "sif"])
def test_static_conforms(weighting: Any) -> None:
    check_backbone("static", weighting=weighting, width=64)


def test_static_conforms_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(
        "".join(f"{word} {number} {1 - number} 0.5\n" for number, word in enumerate(("a", "man", "the", "it")))
    )
    check_backbone("static", vectors=path)
