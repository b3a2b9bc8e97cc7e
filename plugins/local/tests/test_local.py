"""Slots: which device, which GPU and how many threads each job gets; and jobs that die."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from itertools import permutations
from pathlib import Path

import pytest
from harness_local import LocalConfig, cores
from harness_local.cores import threads_of, usable_cores
from harness_local.executor import Local, Slot, joined, slots

from harness import UsageError
from harness.executor import Job, Resources

CORES = usable_cores()


@pytest.fixture(autouse=True)
def threads_as_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_threads_are_those_that_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads_of(8, 3) == 2
    assert threads_of(2, 3) == 1
    for said, expected in (("1", 1), ("3", 3), ("4,2", 4), ("many", 2), ("0", 2), ("", 2)):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert threads_of(8, 4) == expected
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert slots(Resources("cpu", 1)) == [Slot("cpu", None, 1)]
    assert slots(Resources("cpu", 2, threads=3)) == [Slot("cpu", None, 3)] * 2


def test_a_control_group_with_a_quota_has_fewer_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container of one core on a machine of many: laid out as the kernel lays it out."""
    (tmp_path / "pod/box").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/pod/box\n")
    monkeypatch.setattr(cores, "GROUPS", tmp_path)
    monkeypatch.setattr(cores, "OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert usable_cores() == 16
    (tmp_path / "pod/box/cpu.max").write_text("max 100000\n")
    assert usable_cores() == 16
    (tmp_path / "pod/cpu.max").write_text("250000 100000\n")  # of all that is inside
    assert usable_cores() == 2
    (tmp_path / "pod/box/cpu.max").write_text("50000 100000\n")
    assert usable_cores() == 1
    monkeypatch.setattr(cores, "OWN_GROUP", tmp_path / "none")
    assert usable_cores() == 16


def test_without_a_gpu_there_is_a_slot_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert slots(Resources("auto", None)) == [Slot("cpu", None, 1)] * CORES
    assert slots(Resources("cpu", 1)) == [Slot("cpu", None, CORES)]
    assert slots(Resources("auto", 3 * CORES)) == [Slot("cpu", None, 1)] * (3 * CORES)


def test_gpus_are_shared_out_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert [(slot.device, slot.gpu) for slot in slots(Resources("auto", None))] == [("cuda", "3"), ("cuda", "5")]
    assert [slot.gpu for slot in slots(Resources("cuda", 4))] == ["3", "5", "3", "5"]
    assert [slot.gpu for slot in slots(Resources("cuda:1", None))] == ["5"]
    assert {slot.gpu for slot in slots(Resources("cpu", 2))} == {None}
    assert [slot.gpu for slot in slots(Resources("auto", None), workers_per_gpu=2)] == ["3", "5", "3", "5"]
    assert slots(Resources("cpu", None), workers_per_gpu=2) == [Slot("cpu", None, 1)] * CORES


@pytest.mark.parametrize("device", ["cuda", "cuda:2"])
def test_a_gpu_that_is_not_there_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "" if device == "cuda" else "0,1")
    with pytest.raises(UsageError, match=f"--device {device}: there is no such GPU"):
        slots(Resources(device, None))


def test_a_job_of_two_devices_has_two_gpus_never_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    executor = Local(LocalConfig(workers_per_gpu=2), Resources("cuda", None))
    assert executor.capabilities.devices == 2
    for order in permutations(executor.slots):
        executor.free = deque(order)
        assert {slot.gpu for slot in executor._room(2)} == {"3", "5"}
        assert len(executor._room(1)) == 1
    executor.free = deque(slot for slot in executor.slots if slot.gpu == "3")
    assert executor._room(2) == []
    assert joined(executor.slots[:2]) == Slot("cuda", "3,5", sum(slot.threads for slot in executor.slots[:2]))


def test_on_a_cpu_devices_are_processes_that_share_the_slots() -> None:
    executor = Local(LocalConfig(), Resources("cpu", 1))
    assert executor.capabilities.devices is None
    assert executor._room(2) == executor.slots


def test_jobs_end_with_their_exit_codes_and_their_words_in_their_logs(tmp_path: Path) -> None:
    executor = Local(LocalConfig(), Resources("cpu", 1))
    for name in ("one", "two"):
        executor.submit(Job(name, ("prepare", str(tmp_path / f"{name}.json")), str(tmp_path / f"{name}.log")))
    ended: list[tuple[str, int]] = []
    while len(ended) < 2:
        ended += [(job.name, job.exit_code) for job in executor.poll(timeout=1.0)]
    executor.close()
    assert ended == [("one", 2), ("two", 2)]
    assert (tmp_path / "two.log").read_text() == f"harness: {tmp_path}/two.json: there is no such plan.\n"


def test_sockets_have_room_where_the_temporary_folder_is_deep(tmp_path: Path) -> None:
    """A socket's path may have 107 bytes."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    script = """
import sys, time
from pathlib import Path
from harness_local import LocalConfig
from harness_local.executor import Local
from harness.executor import Job, Resources

if __name__ == "__main__":
    local = Local(LocalConfig(), Resources("cpu", 1))
    local.submit(Job("job", ("prepare", "nowhere"), sys.argv[1]))
    ended = []
    while not ended:
        ended = local.poll(0.2)
    local.close()
    print(*ended)
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "log"],
        env={**os.environ, "TMPDIR": str(deep)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("Ended(name='job', exit_code=2"), done.stdout + done.stderr
    assert "there is no such plan" in (tmp_path / "log").read_text()
