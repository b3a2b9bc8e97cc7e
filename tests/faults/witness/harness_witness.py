"""A plugin for the tests of faults: it writes what it sees into a file outside of the results, and kills on order.

HARNESS_WITNESS: the file, a line of JSON per event.
HARNESS_WITNESS_KILLS: a folder. Each cell is killed twice, at a step that depends on the cell and on how often it has
died: first in the first half of its training, then in the second; what is in the folder counts the deaths.
HARNESS_WITNESS_DEATHS: 1 for the second death alone.
"""

import json
import os
import random
import re
import signal
import time
from pathlib import Path

from harness import hookimpl

DEATHS = int(os.environ.get("HARNESS_WITNESS_DEATHS", "2"))


def name_of(cell):
    return " · ".join((cell["method"]["label"], cell["backbone"]["label"], cell["dataset"]["label"], str(cell["seed"])))


@hookimpl
def cell_started(event):
    witness("started", event.cell)
    if event.cell["method"]["name"] in ("untrained", "pretrained"):
        die(event.cell, 1, 1)


@hookimpl
def step_logged(event):
    witness("step", event.cell, step=event.step)
    die(event.cell, event.step, event.steps)


@hookimpl
def cell_finished(event):
    witness("finished", event.cell, status=event.status)


def witness(what, cell, **more):
    path = os.environ.get("HARNESS_WITNESS")
    if path:
        at = time.clock_gettime(time.CLOCK_BOOTTIME)  # which no jump of the clock changes
        line = json.dumps({"what": what, "cell": name_of(cell), "pid": os.getpid(), "at": at, **more}) + "\n"
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(file, line.encode())  # at once: no line is torn by another process's
        os.close(file)


def die(cell, step, steps):
    folder = os.environ.get("HARNESS_WITNESS_KILLS")
    if not folder:
        return
    name = name_of(cell)
    slug = re.sub(r"\W+", "-", name)
    deaths = len(list(Path(folder).glob(f"{slug}.*")))
    if deaths < DEATHS and step == moment(name, deaths, steps):
        (Path(folder) / f"{slug}.{deaths}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def moment(name, deaths, steps):
    """The step of this death: somewhere in its own half of the training."""
    half = deaths + 2 - DEATHS
    return random.Random(f"{name} {deaths}").randint(1 + half * steps // 2, max(1, (half + 1) * steps // 2))
