"""MAML and ANIL keep the contract; that MAML's engines equal each other, tests/test_maml.py shows."""

from __future__ import annotations

from harness.testing import check_method


def test_maml_conforms() -> None:
    check_method("maml", queries=5, tasks=2, inner_lr=0.4)


def test_anil_conforms() -> None:
    check_method("anil", queries=5, tasks=2, inner_lr=0.4)
