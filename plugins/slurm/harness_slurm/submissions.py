"""The files by which jobs, and the runs that submit them, know of each other: engines/slurm of the results folder.

ID.json   what was submitted as SLURM's job ID, by whom and under which name; it goes when its end has been reported
ID.exit   empty from the job's start on, and its exit code at the end
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from harness.executor import Job, alive, process_start


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


def remember(folder: Path, identity: str, job: Job, name: str) -> None:
    """For a later run, if this one dies."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "began": process_start(os.getpid())}
    _note(folder, identity, owner, job, name)


def leave(folder: Path, identity: str, job: Job, name: str) -> None:
    """Any later run may have it."""
    _note(folder, identity, None, job, name)


def _note(folder: Path, identity: str, owner: dict[str, object] | None, job: Job, name: str) -> None:
    if job.command[0] == "cell":  # what prepares a run is of no use to another
        note = {"owner": owner, "user": os.getuid(), "name": name, "job": asdict(job)}
        write(folder / f"{identity}.json", json.dumps(note))


def left(folder: Path) -> Iterator[tuple[str, Job, str]]:
    """What this user's runs that are over have submitted and not seen end, and the name that `squeue` knows it by.
    A run on another host must have said so itself.

    Of a job of another user, `squeue --me` and `scancel` know nothing.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text())
        except (FileNotFoundError, PermissionError, ValueError):  # its run has just seen its end, or is another user's
            continue
        try:
            owner, user, name = said["owner"], said["user"], str(said["name"])
            lists = {key: tuple(said["job"].get(key, ())) for key in ("command", "after")}
            job = Job(**{**said["job"], **lists})
            free = owner is None or (owner["host"] == socket.gethostname() and not alive(owner["pid"], owner["began"]))
        except (KeyError, TypeError):
            logging.getLogger(__name__).warning("%s says nothing of a job that this version can read; it stays.", path)
            continue
        if free and user == os.getuid():
            yield path.stem, job, name


def forget(folder: Path, identity: str) -> None:
    """Its end has been reported. Only of a job that said nothing is kept what submitit wrote of it."""
    log = [f"{identity}_0_log.out"] if exit_code(folder, identity) is not None else []
    for name in (f"{identity}_submitted.pkl", f"{identity}_0_result.pkl", *log, f"{identity}.json", f"{identity}.exit"):
        (folder / name).unlink(missing_ok=True)
