"""The files by which jobs, and the runs that submit them, know of each other: engines/slurm of the results folder.

ID.json   what was submitted as SLURM's job ID, and by whom; it goes when its end has been reported
ID.exit   empty from the job's start on, and its exit code at the end
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from harness import Job, alive, process_start


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def begin(folder: Path, identity: str) -> None:
    """The job begins, perhaps again: what it said when it was interrupted no longer holds."""
    write(folder / f"{identity}.exit", "")


def end(folder: Path, identity: str, code: int) -> None:
    """The job has ended, unless SLURM queues it again."""
    write(folder / f"{identity}.exit", str(code))


def begun(folder: Path) -> set[str]:
    """The jobs that have begun."""
    return {name.removesuffix(".exit") for name in os.listdir(folder) if name.endswith(".exit")}  # noqa: PTH208 (speed)


def exit_code(folder: Path, identity: str) -> int | None:
    """As the job said; None if it could not."""
    try:
        return int((folder / f"{identity}.exit").read_text() or "-")
    except (FileNotFoundError, ValueError):
        return None


def remember(folder: Path, identity: str, job: Job) -> None:
    """For a later run, if this one dies."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "began": process_start(os.getpid())}
    _note(folder, identity, owner, job)


def leave(folder: Path, identity: str, job: Job) -> None:
    """Any later run may have it."""
    _note(folder, identity, None, job)


def _note(folder: Path, identity: str, owner: dict[str, object] | None, job: Job) -> None:
    if job.command[0] == "cell":  # what prepares a run is of no use to another
        write(folder / f"{identity}.json", json.dumps({"owner": owner, "job": asdict(job)}))


def left(folder: Path) -> Iterator[tuple[str, Job]]:
    """What runs that are over have submitted and not seen end. A run on another host must have said so itself."""
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):  # its run lives and has just seen its end
            continue
        owner = said["owner"]
        if owner is None or (owner["host"] == socket.gethostname() and not alive(owner["pid"], owner["began"])):
            yield path.stem, Job(**{**said["job"], "command": tuple(said["job"]["command"])})


def forget(folder: Path, identity: str) -> None:
    """Its end has been reported. Only of a job that said nothing is kept what submitit wrote of it."""
    log = [f"{identity}_0_log.out"] if exit_code(folder, identity) is not None else []
    for name in (f"{identity}_submitted.pkl", f"{identity}_0_result.pkl", *log, f"{identity}.json", f"{identity}.exit"):
        (folder / name).unlink(missing_ok=True)
