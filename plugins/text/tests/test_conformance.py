"""Data sets and backbones of text keep the contract."""

from __future__ import annotations

from typing import Any

import pytest

from harness import TextView
from harness.testing import check_backbone, check_dataset, check_modality


def test_grammar_conforms() -> None:
    check_dataset("grammar", triples=50)


@pytest.mark.parametrize("view", ["dropout", "crop", "delete"])
def test_views_conform(view: Any) -> None:
    check_modality("grammar", triples=24, augmentation=TextView(view=view, rate=0.4))


def test_words_conforms() -> None:
    check_backbone("words", vocabulary=300)
