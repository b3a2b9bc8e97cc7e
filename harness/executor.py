"""The public API for authors of executors; see docs/plugins/executor.md."""

from __future__ import annotations

from harness.base.processes import alive, process_start
from harness.base.python import safe_path
from harness.plugins.executors import Capabilities, Ended, Executor, Job, Resources
from harness.running.job import run_job
from harness.running.preloading import preload
from harness.running.supervisor import GRACE_SECONDS

__all__ = [
    "GRACE_SECONDS",
    "Capabilities",
    "Ended",
    "Executor",
    "Job",
    "Resources",
    "alive",
    "preload",
    "process_start",
    "run_job",
    "safe_path",
]
