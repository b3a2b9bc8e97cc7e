"""What freed memory costs, seen in page faults."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LOOP = """
import resource, sys, torch
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    from harness.running.allocator import keep_freed_memory
    keep_freed_memory()
network = torch.nn.Sequential(*(torch.nn.Conv2d(8, 8, 3, padding=1) for _ in range(4)))
images = torch.randn(64, 8, 24, 24)
def step():
    network.zero_grad()
    network(images).square().mean().backward()
for _ in range(30):    # it takes some steps until what is freed fits all that is allocated: up to fifteen on torch 2.11
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_a_step_that_allocates_what_the_last_one_freed_touches_no_new_page() -> None:
    faults = {}
    for way in ("default", "kept"):
        command = [sys.executable, "-c", LOOP, way]
        faults[way] = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert faults["kept"] < faults["default"] / 20, faults
