"""Checks what a run needs of file systems, by trying it: locks, hard links and sockets."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.base.cache import CACHE, cache_root
from harness.cli.doctor.finding import Finding

AREA = "storage"
OTHERS = "Disks of this machine, NFS and Lustre (mounted with flock) have what is missing."
SHORT = 70  # bytes of a folder's path in which that of a socket, of 107 at most, has room

Try = Callable[[Path], object]  # does something in an empty folder; raises OSError


def look(results: Path) -> Iterator[Finding]:
    yield tried(
        "results",
        nearest(results),
        {"locks": lock, "hard links": link},
        f"Start no two runs at once on a results folder there, or choose one on another file system: harness run "
        f"--results FOLDER. {OTHERS}",
        "Work in a folder that you may write to, or choose one for results: harness run --results FOLDER",
    )
    cache = nearest(cache_root())
    if os.access(cache, os.W_OK | os.X_OK) and cache.is_dir():  # else it has been said
        several = f"Start no two runs at once before data sets are in the cache, or set {CACHE} to a folder elsewhere."
        yield tried("cache", cache, {"locks": lock}, f"{several} {OTHERS}", several)
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:  # there is none, which has been said
        return
    place = temporary if len(os.fsencode(temporary)) <= SHORT else Path("/tmp")  # as runs do
    advice = "Set TMPDIR to a folder on a disk of this machine: jobs are forked from a server with a socket there."
    yield tried("temporary files", place, {"sockets": listen}, advice, advice)


def nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there: looking makes none."""
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if os.path.lexists(each))


def tried(what: str, folder: Path, things: Mapping[str, Try], advice: str, unwritable: str) -> Finding:
    """Each of the things done in `folder`. `advice`: what to do without one of them; `unwritable`: without a folder."""
    try:
        with tempfile.TemporaryDirectory(prefix=".harness-doctor-", dir=folder) as place:
            lacking = [f"no {name} ({fault})" for name, do in things.items() if (fault := fault_of(do, Path(place)))]
    except OSError as error:
        return Finding(AREA, what, f"{folder}: {error.strerror}", unwritable)
    if lacking:
        return Finding(AREA, what, f"{folder} has {' and '.join(lacking)}", advice)
    return Finding(AREA, what, f"{folder} has {' and '.join(things)}")


def fault_of(do: Try, place: Path) -> str:
    try:
        do(place)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def lock(place: Path) -> None:
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def link(place: Path) -> None:
    (place / "file").touch()
    os.link(place / "file", place / "link")


def listen(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / "s"))
        server.listen()
