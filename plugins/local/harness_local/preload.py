"""Imported once by the fork server: what cells need is loaded before they are forked."""

import atexit
import contextlib
import gc
import importlib
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for `harness run`, which ends us

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `harness cell` does; torch reads it when it is imported

import torch  # noqa: E402 (after both)

torch.set_num_threads(1)  # a pool of threads would not survive the fork

torch.optim.SGD([torch.zeros(1)])  # the first optimizer of a process imports torch's compiler: two seconds

importlib.import_module("harness.cell")
importlib.import_module("harness.registry").registry()  # finds the plugins once for all cells
importlib.import_module("harness.provenance").provenance("cpu", 1)  # asks git once
for _module in filter(None, os.environ.get("HARNESS_PRELOAD", "").split(",")):
    with contextlib.suppress(Exception):  # the cell that needs it will say why it cannot be imported
        importlib.import_module(_module)

gc.freeze()  # a collection in a cell would write to, and so copy, every page that it shares with the server
atexit.register(gc.unfreeze)  # or extension modules report what the server holds as leaks when it ends
