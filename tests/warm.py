"""Runs the command `harness` in a process that is forked from one which has imported torch; imports take most of the
time of a short command.

It is a process of its own, with its environment, folder, output and exit code. The server from which the executor
`local` forks its jobs is forked from it too, where otherwise a new Python would start.
"""

from __future__ import annotations

import atexit
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from multiprocessing import util
from pathlib import Path
from typing import Any
from unittest import mock

from harness import cli
from harness.plugins.manager import installed_plugins
from harness.plugins.registry import registry
from harness.reporting import leaderboard
from harness.testing.forking import ENDED, run_and_exit, server

SECONDS = 240.0
LIBRARIES = (
    "pydantic.type_adapter",
    "rich.progress",
    "scipy.stats",
    "tabulate",
    "typer._adapters",
    "typer.main",
    "wcwidth",
)
spawn = util.spawnv_passfds


def run(
    arguments: Iterable[str | Path],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    *,
    before: Callable[[], None] | None = None,
    seconds: float = SECONDS,
) -> subprocess.CompletedProcess[str]:
    """What `python -m harness` does with these arguments, in this folder, with these variables over those of this
    process. What must be done in the new process first, or is read when Python starts, needs a new Python."""
    words = [*map(str, arguments)]
    given = {**os.environ, **(variables or {})}
    changed = (name for name, value in given.items() if value != os.environ.get(name))
    new = any(name.startswith("PYTHON") and name != "PYTHONPATH" for name in changed)
    if before is None and not new and sys.platform == "linux":
        return forked(words, folder, given, seconds)
    return subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        preexec_fn=before,
    )


def forked(
    words: list[str], folder: Path, variables: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="harness-said-") as made:
        said = [Path(made, name) for name in ("out", "err")]
        task = {"arguments": words, "folder": str(folder), "variables": dict(variables), "said": [*map(str, said)]}
        server().start(f"{__name__}:command", task, imported())
        try:
            report, code = server().report(seconds)
        except (TimeoutError, EOFError):
            server().end()
            raise
        assert report == ENDED
        return subprocess.CompletedProcess(words, code, *(each.read_text(encoding="utf-8") for each in said))


@cache
def imported() -> tuple[str, ...]:
    """What commands import, some of it late: for a table, four hundred modules, most of a short command's time."""
    own = (each.name for of in (cli, leaderboard) for each in pkgutil.walk_packages(of.__path__, f"{of.__name__}."))
    return *LIBRARIES, "multiprocessing.popen_forkserver", "harness_local.executor", *own


def command(task: Mapping[str, Any], _ready: Callable[[], None]) -> None:
    """In the forked process: what Python does to run `python -m harness`."""
    for descriptor, path in zip((1, 2), task["said"], strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(task["variables"])
    os.chdir(task["folder"])
    places = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [task["folder"], *places]
    sys.argv = ["harness", *task["arguments"]]
    installed_plugins.cache_clear()
    registry.cache_clear()
    try:
        with mock.patch.object(util, "spawnv_passfds", _fork_server):
            runpy.run_module("harness", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()


def _fork_server(path: bytes, arguments: Sequence[Any], descriptors: Sequence[int]) -> int:
    """As multiprocessing starts a helper of its own; the fork server is forked."""
    code = arguments[-1]
    if "forkserver" not in code:
        return spawn(path, arguments, descriptors)
    forked = os.fork()
    if not forked:
        run_and_exit(partial(_serve, code, descriptors))
    return forked


def _serve(code: str, kept: Iterable[int]) -> None:
    """As in a new Python: without open files, handlers of signals, or the current folder to import from."""
    last = 3
    for descriptor in sorted(kept):
        os.closerange(last, descriptor)
        last = descriptor + 1
    os.closerange(last, os.sysconf("SC_OPEN_MAX"))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    atexit._clear()
    sys.path.remove(str(Path.cwd()))
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False, encoding="utf-8") for number in (1, 2))
    exec(code, {})
