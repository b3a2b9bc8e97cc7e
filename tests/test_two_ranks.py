"""Two devices learn from the halves of a batch what one learns from the whole: loss, gradients, statistics, queue."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness.testing.forking import ENDED, server
from tests.two_ranks import BROKEN, CASES, STEPS, Case, Learned, learned


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Learned]]:
    folder = tmp_path_factory.mktemp("ranks")
    server().start("tests.two_ranks:both", {"folder": str(folder)})
    assert server().report(300) == (ENDED, 0)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def differences(case: Case, found: Learned) -> dict[str, float]:
    """Of all that is learned, what is not as with one device, relative to its size. (Some gradients are 0.)"""
    expected = learned(case)
    assert expected.keys() == found.keys()
    return {
        name: gap
        for name, value in expected.items()
        if (gap := float((found[name].double() - value.double()).norm() / (value.double().norm() + 1e-4))) > 1e-9
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_two_devices_learn_what_one_does(case: Case, of_two: list[dict[str, Learned]]) -> None:
    torch.set_num_threads(1)
    for found in of_two:
        assert differences(case, found[case.name]) == {}
    slopes = [value for name, value in of_two[0][case.name].items() if name.startswith(f"{STEPS - 1} slope")]
    assert len(slopes) > (0 if case.texts else 8)  # `words` has one weight
    assert all(bool(slope.any()) for slope in slopes)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_the_comparison_finds_what_peers_got_wrong(case: Case, of_two: list[dict[str, Learned]]) -> None:
    whole = replace(case, broken="")
    assert max(differences(whole, of_two[0][case.name]).values()) > 1e-4


def test_a_group_ends_while_its_last_tensor_is_given_back(tmp_path: Path) -> None:
    """Gloo's thread needs the GIL for it; torch 2.6 waited for that thread and held the GIL, about each tenth time."""
    ends = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from torch import distributed
from harness.running.ranks import join, leave
for number in range(100):
    folder = Path(sys.argv[1], str(number))
    folder.mkdir()
    join(folder, 0, 1, torch.device("cpu"))
    for _ in range(3):
        distributed.all_reduce(torch.ones(3))
    leave()
    assert not distributed.is_initialized()
"""
    subprocess.run([sys.executable, "-c", ends, str(tmp_path)], check=True, timeout=300)
