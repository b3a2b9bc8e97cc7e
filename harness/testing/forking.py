"""Starts processes that have torch and the harness imported: a server imports them once, and forks for each task.

`serve` is the server's main function; `server` gives the one of this process.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from harness.base.python import environment, python
from harness.running.preloading import preload

LOADED = ("harness.testing.ranks", "torch._dynamo")  # the latter for DistributedDataParallel, with seconds of imports
READY, ENDED = "ready", "ended"


@dataclass(frozen=True)
class Server:
    """The server's process, and this end of the pipe to it."""

    process: subprocess.Popen[bytes]
    pipe: Connection

    def start(self, target: str, task: Mapping[str, Any], modules: Iterable[str] = ()) -> None:
        """Fork a process that calls `target`, "module:function", with `task` and a function that reports READY.

        It has the environment, folder and import path that this process has now. The server imports `modules` before,
        so that the next process has them as well.
        """
        self.pipe.send((list(modules), sys.path, environment(), str(Path.cwd()), target, task))

    def report(self, seconds: float) -> tuple[str, int]:
        """What comes next: (READY, 0), or (ENDED, exit code), below 0 for a signal.

        Raises TimeoutError if nothing comes in time, and EOFError if the server has ended.
        """
        if not self.pipe.poll(seconds):
            raise TimeoutError(f"the second process reports nothing for {seconds:.0f} s")
        what, code = self.pipe.recv()
        return what, code

    def end(self) -> None:
        """End the server and what it has forked; `server` starts another."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.pipe.close()
        server.cache_clear()


@cache
def server() -> Server:
    """The server of this process; it ends once this process has ended."""
    near, far = Pipe()
    command = python("-c", f"from {__name__} import serve; serve({far.fileno()})")
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, pass_fds=[far.fileno()], env=environment(), start_new_session=True
    )
    far.close()
    return Server(process, near)


def serve(descriptor: int) -> None:
    """Fork a process for each task that comes through the pipe, and report its end, until the pipe is closed."""
    preload(LOADED)
    pipe = Connection(descriptor)
    with suppress(EOFError):
        while True:
            modules, sys.path[:], *task = pipe.recv()
            importlib.invalidate_caches()
            for module in modules:
                with suppress(Exception):  # the process that needs it reports the error
                    importlib.import_module(module)
            forked = os.fork()
            if not forked:
                run_and_exit(partial(_run, pipe, *task))
            _, status = os.waitpid(forked, 0)
            pipe.send((ENDED, os.waitstatus_to_exitcode(status)))


def _run(pipe: Connection, variables: Mapping[str, str], folder: str, target: str, task: Mapping[str, Any]) -> None:
    """In the forked process."""
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    module, _, name = target.partition(":")
    call: Callable[..., None] = getattr(importlib.import_module(module), name)
    call(task, lambda: pipe.send((READY, 0)))


def run_and_exit(call: Callable[[], None]) -> NoReturn:
    """Call it as the last thing that this process does, and end as Python would, but for what the server has begun."""
    code = 1
    try:
        call()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    finally:
        error = sys.exception()
        if error is not None and not isinstance(error, SystemExit):
            sys.excepthook(type(error), error, error.__traceback__)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
