"""The data sets and the methods keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_dataset, check_method


@pytest.mark.parametrize("name", ["textures", "polygons"])
def test_domains_conform(name: str) -> None:
    check_dataset(name)


def test_a_mixture_conforms() -> None:
    check_dataset("mixture", of={"waves": {"use": "textures"}, "digits": {}}, size=12, moments="domain")


def test_mtl_conforms() -> None:
    check_method("mtl", within=None)


def test_mmaml_conforms() -> None:
    check_method("mmaml", queries=5, tasks=2, inner_lr=0.4)
