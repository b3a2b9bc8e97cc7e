"""Starts the processes of a training on several devices; the process of the cell is rank 0.

They are of the job's process group, so whatever ends the job ends them, and they end by themselves when rank 0 is gone.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import _get_default_group as _default_group

from harness.base.errors import UsageError
from harness.base.outcome import ended_by
from harness.base.python import environment, python
from harness.running.failures import RankError, status_of, words_of

if TYPE_CHECKING:
    from harness.running.cell_job import CellJob

PATIENCE = timedelta(minutes=10)  # of one that waits for the others, say while the first saves a checkpoint
LEAVE_SECONDS = 10.0  # that the other ranks have to end, once rank 0 has
NOTICE_SECONDS = 5.0  # in which a rank that died shows, after its peers have lost it
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Rank:
    """One of the ranks that were started."""

    number: int
    process: subprocess.Popen[bytes]
    said: Path

    def error(self) -> RankError | None:
        """Why it has ended, if it has and not well."""
        code = self.process.poll()
        if not code:
            return None
        if self.said.exists():
            said = json.loads(self.said.read_text(encoding="utf-8"))
            return RankError(f"device {self.number}: {said['message']}", said["status"])
        if code < 0:
            said = ended_by(signal.Signals(-code).name)
            return RankError(f"the process of device {self.number} was {said}", "killed")
        return RankError(f"the process of device {self.number} ended with {code}", "failed")


@contextmanager
def together(job: CellJob) -> Iterator[None]:
    """Inside this context, this process is rank 0 of as many as the cell's budget has devices; with one, nothing
    happens.

    The devices are the first GPUs that this process sees, or the CPU, whose threads are divided. Raises UsageError if
    there are too few GPUs, and RankError, in place of what is raised inside, because another rank has ended.
    """
    number, device = job.cell.budget.devices, job.device
    if number == 1:
        yield
        return
    if device.type == "cuda" and torch.cuda.device_count() < number:
        raise UsageError(f"the budget's devices are {number}, but there are {torch.cuda.device_count()} GPUs.")
    with tempfile.TemporaryDirectory(prefix="harness-ranks-") as name:
        folder = Path(name)
        share = max(1, job.threads // number)
        started: list[Rank] = []
        try:
            started += (_start(each, folder, job, share) for each in range(1, number))
            _await(started, folder)
            torch.set_num_threads(share)
            join(folder, 0, number, device)
            yield
        except Exception as error:
            if died := _find_dead_rank(started):
                raise died from error
            raise
        finally:
            patience = LEAVE_SECONDS if dist.is_initialized() else 0.0
            if dist.is_initialized():
                leave()
            torch.set_num_threads(job.threads)
            _end(started, patience)


def join(folder: Path, rank: int, ranks: int, device: torch.device, patience: timedelta = PATIENCE) -> None:
    """Become one of the ranks that meet in `folder`, and wait for all of them."""
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all are on this machine, whose name may resolve to nothing
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(rank)
    dist.init_process_group(backend, init_method=f"file://{folder}/met", rank=rank, world_size=ranks, timeout=patience)


def leave() -> None:
    """Be one of the ranks no longer.

    In torch 2.6, the end of a group waits for gloo's threads and holds the GIL, which such a thread may want to free
    what it sent last. The end of a backend that Python holds does not hold the GIL, so that one comes last.
    """
    gloo = _default_group()._get_backend(torch.device("cpu"))
    dist.destroy_process_group()
    del gloo


def _start(rank: int, folder: Path, job: CellJob, threads: int) -> Rank:
    command = python("-m", "harness.running.ranks", str(job.plan.path), job.cell.id, str(folder))
    numbers = ["--rank", str(rank), "--ranks", str(job.cell.budget.devices), "--threads", str(threads)]
    whole = [*command, *numbers, "--device", job.device.type, "--parent", str(os.getpid())]
    process = subprocess.Popen(whole, stdin=subprocess.DEVNULL, env=environment())
    return Rank(rank, process, folder / f"{rank}.json")


def _await(started: Sequence[Rank], folder: Path) -> None:
    """Wait until all ranks have loaded data and network: whoever is missed at a meeting is waited for very long."""
    while not all((folder / f"{each.number}.ready").exists() for each in started):
        for each in started:
            if each.process.poll() is not None:
                raise each.error() or RankError(f"the process of device {each.number} ended early", "failed")
        time.sleep(POLL_SECONDS)


def _find_dead_rank(started: Sequence[Rank]) -> RankError | None:
    """The error of a rank that has ended by itself; waits a little for one to appear."""
    deadline = time.monotonic() + NOTICE_SECONDS
    while time.monotonic() < deadline:
        for each in started:
            if error := each.error():
                return error
        time.sleep(POLL_SECONDS)
    return None


def _end(started: Sequence[Rank], patience: float) -> None:
    deadline = time.monotonic() + patience
    for each in started:
        try:
            each.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """The life of another rank: it trains as rank 0 does, and leaves nothing."""
    parser = argparse.ArgumentParser(prog="harness.running.ranks", description=__doc__)
    for name in ("plan", "id", "folder"):
        parser.add_argument(name, type=str if name == "id" else Path)
    for name in ("rank", "ranks", "threads", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--device", required=True)
    given = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # rank 0 hears of it, and all stop after the same step
    faulthandler.enable(2, all_threads=False)
    threading.Thread(target=_leave_with, args=(given.parent,), daemon=True).start()
    try:
        _train(given)
    except Exception as error:  # noqa: BLE001 (rank 0 says it)
        traceback.print_exc()
        message: Mapping[str, Any] = {"status": status_of(error), "message": words_of(error)}
        (given.folder / f"{given.rank}.json").write_text(json.dumps(message), encoding="utf-8")
        sys.stderr.flush()
        os._exit(1)  # not to wait for peers that wait for this one
    return 0


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _train(given: argparse.Namespace) -> None:
    from harness.base.stop_signal import Interrupted
    from harness.learning import building
    from harness.learning.training import train
    from harness.plugins.registry import registry
    from harness.running.allocator import keep_freed_memory
    from harness.running.cell_job import CellJob, open_cell
    from harness.store.results_folder import Store
    from harness.suite.planfile import PlanFile

    keep_freed_memory()
    torch.set_num_threads(given.threads)
    plan = PlanFile(given.plan, registry())
    device = torch.device(given.device, given.rank) if given.device == "cuda" else torch.device(given.device)
    job = CellJob(plan, plan.cell(given.id), Store.of_plan(given.plan).cell(given.id), device, given.threads)
    method, data = open_cell(job)
    (given.folder / f"{given.rank}.ready").touch()
    join(given.folder, given.rank, given.ranks, device)
    try:
        source = building.source_of(job.cell, data, given.rank)
        train(method, source, job.cell.budget, job.folder.checkpoint, lambda *_: None, optimizer=job.cell.optimizer)
    except Interrupted:
        pass
    finally:
        leave()


if __name__ == "__main__":
    sys.exit(main())
