"""On a real SLURM: the contract, the metrics of `local`, lost workers and nodes, requeued jobs, detached runs."""

from __future__ import annotations

import pytest

from harness.testing import check_executor


pytestmark = pytest.mark.usefixtures("cluster")


def test_slurm_conforms() -> None:
    check_executor("slurm")
