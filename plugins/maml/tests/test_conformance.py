"""MAML, by each engine, and ANIL keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_method


@pytest.mark.parametrize("engine", ["learn2learn", "functional", "vmap"])
def test_maml_conforms(engine: str) -> None:
    check_method("maml", engine=engine, queries=5, tasks=2, inner_lr=0.4)


def test_anil_conforms() -> None:
    check_method("anil", queries=5)
