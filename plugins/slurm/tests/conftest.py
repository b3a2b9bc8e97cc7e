"""A SLURM of one's own: a controller and two nodes of one core each on this machine, for the time of a module."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
TOY = Path(__file__).parents[3] / "tests" / "toy"
SUITE = """\
name: toy
matrix:
  method: [classify]
  backbone: [flat]
  dataset: [blobs]
  seed: {seeds}
budget: {{steps: {steps}, batch_size: 32, lr: 0.1}}
methods:
  classify: {{seconds: {seconds}}}
evaluators:
  nearest: {{}}
"""
CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
KillWait=10
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
{nodes}
PartitionName=main Nodes={names} Default=YES State=UP MaxTime=60
"""


class Cluster:
    """Its processes are children of this one, and those they start carry its configuration in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        self.conf = folder / "slurm.conf"
        ports = free_ports(1 + len(NODES))
        host = socket.gethostname()
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=4000"
            for name, port in zip(NODES, ports[1:], strict=True)
        )
        self.conf.write_text(
            CONF.format(
                folder=folder, host=host, port=ports[0], user=getpass.getuser(), nodes=nodes, names=",".join(NODES)
            )
        )
        self.env = {**os.environ, "SLURM_CONF": str(self.conf)}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._daemon(
            "munged", "munged", "-F", *(f"--{option}={self.folder}/munge.{end}" for option, end in names.items())
        )
        wait_for((self.folder / "munge.socket").exists, "munged")
        self._daemon("slurmctld", "slurmctld", "-D", "-c")
        for name in NODES:
            self.start_node(name)
        wait_for(lambda: self.idle() == set(NODES), f"two idle nodes; see {self.folder}")

    def start_node(self, name: str) -> None:
        self._daemon(name, "slurmd", "-D", "-N", name, NODE=name)

    def _daemon(self, name: str, *command: str, **env: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as log:
            path = "/usr/sbin:/sbin:" + os.environ["PATH"]
            self.daemons[name] = subprocess.Popen(
                command, env={**self.env, **env, "PATH": path}, stdout=log, stderr=log, start_new_session=True
            )

    def call(self, *command: str) -> str:
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=True, timeout=60).stdout

    def idle(self) -> set[str]:
        done = subprocess.run(
            ["sinfo", "-h", "-N", "-t", "idle", "-o", "%N"], env=self.env, capture_output=True, text=True, check=False
        )
        return set(done.stdout.split())

    def lose(self, name: str) -> None:
        """A node dies: its daemon and all that runs there."""
        self.daemons.pop(name).kill()
        for pid, env in environments():
            if env.get("SLURM_CONF") == str(self.conf) and name in (env.get("NODE"), env.get("SLURMD_NODENAME")):
                kill(pid)

    def stop(self) -> None:
        for daemon in self.daemons.values():
            daemon.kill()
            daemon.wait()
        while pids := [pid for pid, env in environments() if env.get("SLURM_CONF") == str(self.conf)]:
            for pid in pids:
                kill(pid)
            time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def environments() -> Iterator[tuple[int, dict[str, str]]]:
    """With which each living process but this one was started."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if int(path.name) != os.getpid() and text:
            yield int(path.name), dict(line.split("=", 1) for line in text.split("\0") if "=" in line)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not in {seconds:g} s")
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    path = "/usr/sbin:/sbin:" + os.environ["PATH"]
    if missing := [name for name in NEEDED if shutil.which(name, path=path) is None]:
        pytest.skip(f"there is no SLURM here ({', '.join(missing)}); see plugins/slurm/README.md")
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")))
    before = os.environ.get("SLURM_CONF")
    try:
        cluster.start()
        os.environ["SLURM_CONF"] = str(cluster.conf)
        yield cluster
    finally:
        cluster.stop()
        os.environ.pop("SLURM_CONF", None)
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(cluster.folder, ignore_errors=True)


@dataclass(frozen=True)
class Runs:
    """`harness run` of a suite of the toy plugin, in a folder of its own."""

    folder: Path
    env: dict[str, str]

    def start(self, *arguments: str, steps: int = 30, seconds: float = 0, seeds: int = 2) -> subprocess.Popen[str]:
        """`seconds` are for each step."""
        suite = self.folder / "benchmarks.yaml"
        suite.write_text(SUITE.format(steps=steps, seconds=seconds, seeds=list(range(seeds))))
        command = [sys.executable, "-m", "harness", "run", str(suite), "--device", "cpu", *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait(self, process: subprocess.Popen[str], code: int = 0) -> str:
        """To its end; what it said."""
        said, _ = process.communicate(timeout=180)
        assert process.returncode == code, said
        assert "Traceback" not in said
        return said

    def results(self, name: str = "toy") -> Path:
        return self.folder / "results" / name

    def running(self) -> dict[str, int]:
        """The cells that train now, and their processes."""
        leases = {path.stem: json.loads(path.read_text()) for path in self.results().glob("leases/[!.]*.json")}
        logged = {
            cell for cell in leases if (path := self._cell(cell) / "steps.jsonl").exists() and path.stat().st_size
        }
        return {cell: leases[cell]["pid"] for cell in logged}

    def attempts(self, cell: str) -> list[str]:
        """Their statuses, in order."""
        files = sorted(self._cell(cell).glob("attempts/*.json"), key=lambda path: int(path.stem))
        return [json.loads(path.read_text())["status"] for path in files]

    def cells(self, name: str = "toy") -> list[str]:
        return sorted(path.name for path in (self.results(name) / "cells").iterdir())

    def training(self, cell: str) -> dict[str, Any]:
        return json.loads((self._cell(cell) / "training.json").read_text())  # type: ignore[no-any-return]

    def metrics(self, name: str = "toy") -> dict[str, Any]:
        """Of every evaluator and cell, all digits."""
        files = self.results(name).glob("cells/*/evaluations/*.json")
        return {f"{path.parts[-3]} {path.stem}": json.loads(path.read_text())["metrics"] for path in files}

    def _cell(self, cell: str) -> Path:
        return self.results() / "cells" / cell


@pytest.fixture
def runs(cluster: Cluster, tmp_path: Path) -> Runs:
    info = tmp_path / "site" / "harness_toy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\ntoy = harness_toy\n")
    path = os.pathsep.join(map(str, (info.parent, TOY)))
    return Runs(tmp_path, {**cluster.env, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "300"})
