"""The data sets keep the contract."""

from __future__ import annotations

import pytest

from harness.testing import check_dataset


@pytest.mark.parametrize("name", ["textures", "polygons"])
def test_domains_conform(name: str) -> None:
    check_dataset(name)


def test_a_mixture_conforms() -> None:
    check_dataset("mixture", of={"waves": {"use": "textures"}, "digits": {}}, size=12, moments="domain")
