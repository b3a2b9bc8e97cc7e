"""A whole `harness run` of a checkout, by its own command, into a folder that is thrown away."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from worker import Options, Work, serve

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # meant for the other contestants: the command divides the cores itself
LIMITS += ("PYTHONDONTWRITEBYTECODE",)  # a user's Python compiles a module once


def suite(options: Options) -> Work:
    checkout = Path(options["checkout"])
    command = [str(checkout / ".venv/bin/harness"), "run", "benchmarks.yaml", "--fresh", "--device", options["device"]]
    only = ["--only", options["only"]] if options["only"] else []
    environment = {name: value for name, value in os.environ.items() if name not in LIMITS}

    def run() -> int:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*command, *only, "--results", folder], cwd=checkout, env=environment, check=True)
        return 1

    return Work(run)


if __name__ == "__main__":
    serve({"suite": suite}, ["rep-harness"])
