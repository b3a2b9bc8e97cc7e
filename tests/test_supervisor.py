"""A job that nothing but its watcher can end, where the watcher itself meets faults; and what a job says at its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.atomic_files import read_json, write_json
from harness.base.outcome import Outcome
from harness.base.processes import alive, process_start
from harness.running.supervisor import Limits
from harness.store import lease
from harness.store.results_folder import CellFolder, Store
from tests.conftest import SUITE, Harness
from tests.test_faults import Write

HEAD = """
import errno, os, signal, time
from harness.running import supervisor
from harness.base.outcome import Outcome
supervisor.GRACE_SECONDS, supervisor.BEAT_SECONDS = 0.5, 0.2

def hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)

def lost():
    return False

def held():
    return True

def silent(outcome):
    pass

def full(outcome):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

def no_descriptor():
    while True:
        try:
            os.open(os.devnull, os.O_RDONLY)
        except OSError:
            return hang()
"""
HUNG = {
    "its log is full": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); supervisor.supervise(hang, None, lost, silent)",
    "its end cannot be recorded": "supervisor.supervise(hang, None, lost, full)",
    "no descriptor is left": (
        "supervisor.supervise(no_descriptor, supervisor.Limits(1.5, 50), held, silent)"  # memory is counted in /proc
    ),
}


def job(code: str, seconds: float = 12) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own session."""
    with subprocess.Popen(
        [sys.executable, "-c", HEAD + code], stdout=-1, stderr=-1, text=True, start_new_session=True
    ) as process:
        try:
            out, errors = process.communicate(timeout=seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess([], process.returncode, out, errors)


@pytest.mark.parametrize("fault", HUNG)
def test_a_job_that_hangs_is_ended_though(fault: str) -> None:
    assert job(HUNG[fault]).returncode == -signal.SIGKILL


def test_a_disk_that_is_slow_to_take_the_record_costs_it_not() -> None:
    done = job(
        "def slow(outcome):\n    time.sleep(2)\n    print(outcome.status, flush=True)\n"
        "supervisor.supervise(lambda: Outcome('failed'), None, held, slow)"
    )
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr


@pytest.mark.parametrize("seconds", ["1e300", "inf"])
def test_a_time_limit_may_be_longer_than_the_system_can_count(seconds: str) -> None:
    assert Limits(float(seconds)).seconds
    done = job(f"print(supervisor.supervise(lambda: Outcome('ok'), supervisor.Limits(float('{seconds}'))).status)")
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_a_message_may_quote_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    said = Outcome("failed", "there is no file 'a\udcff.png'", None, 1).as_json(tmp_path / "001.json")
    write_json(tmp_path / "001.json", said)
    assert read_json(tmp_path / "001.json") == {"format": 1, **said}


def test_a_lease_of_a_process_that_cannot_be_is_dead(tmp_path: Path) -> None:
    assert not alive(10**30)
    mine = lease.claim(tmp_path / "x.json")
    assert mine is not None
    for number in (10**30, 0, -1):
        assert lease.is_dead_here(json.dumps({**json.loads(mine.content), "pid": number}).encode())
    assert lease.owner(b"[" * 100_000) == {}


def test_only_its_own_run_takes_a_process_for_dead_while_that_run_lives(tmp_path: Path) -> None:
    """Another run would record that the run died as well."""
    imports = "import sys; from pathlib import Path; from harness.store import lease"
    code = f"{imports}; lease.claim(Path(sys.argv[1]), sys.argv[2])"
    ours = lease.new_run()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as living:
        theirs = ours.replace(f".{os.getpid()}.", f".{living.pid}.").replace(
            process_start(os.getpid()), process_start(living.pid)
        )
        for name, run in (("ours", ours), ("theirs", theirs)):
            subprocess.run([sys.executable, "-c", code, str(tmp_path / name), run], check=True)
        dead = {name: lease.is_dead_here((tmp_path / name).read_bytes(), ours) for name in ("ours", "theirs")}
        assert dead == {"ours": True, "theirs": False}
        living.kill()
    assert lease.is_dead_here((tmp_path / "theirs").read_bytes(), ours)


def test_a_cell_that_waited_while_another_run_forgot_it_still_runs(tmp_path: Path) -> None:
    from harness_local import LocalConfig
    from harness_local.executor import Local

    from harness.executor import Job, Resources

    executor = Local(LocalConfig(), Resources("cpu", 1))
    folder = CellFolder(tmp_path / "results/cells/0")
    folder.attempts.mkdir(parents=True)
    try:
        executor.submit(Job("first", ("prepare", "nowhere"), str(tmp_path / "first.log")))
        executor.submit(Job("second", ("prepare", "nowhere"), str(folder.attempt(1).with_suffix(".log"))))
        assert Store(tmp_path / "results").forget("0")  # as --fresh does
        codes: list[int] = []
        while len(codes) < 2:
            codes += [ended.exit_code for ended in executor.poll(0.2)]
    finally:
        executor.close()
    assert codes == [2, 2]  # there is no such plan
    assert "there is no such plan" in folder.attempt(1).with_suffix(".log").read_text()


def test_a_checkpoint_does_not_outlast_an_evaluator_that_failed_and_is_gone(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    text = SUITE.replace("classify, idle", "{use: classify, seconds: 0.05}").replace("[0, 1]", "[0]")
    arguments = ("--checkpoint-every", "10steps")
    harness("run", suite(text + "  failing: {}\n"), *arguments, code=1)
    assert list(tmp_path.rglob("checkpoint.pt"))
    harness("run", suite(text), *arguments)
    assert not list(tmp_path.rglob("checkpoint.pt"))
