"""Methods of text keep the contract."""

from __future__ import annotations

from harness.testing import check_method


def test_simcse_conforms() -> None:
    """By crops: under dropout alone, a mean of embeddings finds each sentence from the start, and learns nothing."""
    check_method("simcse", data="grammar", backbone="words", view="crop", rate=0.6)


def test_supervised_simcse_conforms() -> None:
    check_method("simcse_supervised", data="grammar", backbone="words", negative_weight=2.0)
