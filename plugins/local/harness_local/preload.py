"""Imported once by the fork server, to load what cells need before they are forked."""

import atexit
import gc
import os
import signal

from harness.executor import preload

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for `harness run`, which ends us

preload(filter(None, os.environ.get("HARNESS_PRELOAD", "").split(",")))

gc.freeze()  # a collection in a cell would write to, and so copy, every page that it shares with the server
atexit.register(gc.unfreeze)  # or extension modules report what the server holds as leaks when it ends
