"""A fault, and what it is to meet it through the command line."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from harness.cli import main
from tests import warm


@dataclass(frozen=True)
class Fault:
    """`prepare` puts into a folder what `arguments` then meet; `says`: a part of the message; `code`: the exit code."""

    title: str
    says: str
    prepare: Callable[[Path], object]
    arguments: tuple[str, ...] = ("plan", "suite.yaml")
    code: int = 2
    env: Mapping[str, str] = field(default_factory=dict)
    limit: Callable[[], None] | None = None  # run in the new process before the command
    alone: bool = False  # in a process of its own, as it changes what this one has loaded


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str
    message: str


def meet(fault: Fault, folder: Path) -> Outcome:
    """Trigger a fault in `folder`. The message is what standard error says, or else the lines that hold `says`."""
    fault.prepare(folder)
    arguments = [each.replace("FOLDER", str(folder)) for each in fault.arguments]
    env = {name: value.replace("FOLDER", str(folder)) for name, value in fault.env.items()}
    if fault.alone or fault.limit or env:
        code, output, errors = elsewhere(arguments, folder, env, fault.limit)
    else:
        code, output, errors = here(arguments, folder)
    logs = [path.read_text(errors="replace") for path in sorted(folder.glob("results/cells/*/attempts/*.log"))]
    everything = "\n".join([errors, output, *logs])
    lines = errors.strip().splitlines() if code == 2 else []
    lines = lines or [line.strip() for line in everything.splitlines() if fault.says in line]
    return Outcome(code, everything, shortened("\n".join(dict.fromkeys(lines)), folder))


def shortened(text: str, folder: Path) -> str:
    """Without what differs from run to run, or from one set of plugins to another: folders, ids, all known names."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".").removeprefix("harness: ")
    text = re.sub(r" Known: [^\n]*", " Known: ...", text)
    return re.sub(r"\b[0-9a-f]{16}\b", "ID", text)


def here(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    """In this process, whose fork server has torch loaded from one fault to the next."""
    output, errors, before = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        contextlib.chdir(folder),
        mock.patch.object(sys, "argv", ["harness", *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            signal.signal(signal.SIGTERM, before)
    return code, output.getvalue(), errors.getvalue()


def elsewhere(
    arguments: list[str], folder: Path, env: Mapping[str, str], limit: Callable[[], None] | None
) -> tuple[int, str, str]:
    path = os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])  # where plugins may have been put
    done = warm.run(arguments, folder, {"COLUMNS": "200", "PYTHONPATH": path, **env}, before=limit)
    return done.returncode, done.stdout, done.stderr
