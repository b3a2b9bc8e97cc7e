"""A whole `harness run` of a checkout, by its own command, into a folder that is thrown away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from worker import Options, Work, serve

# the first two are meant for the other contestants: the command divides the cores itself; a user has none of the third
LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
VERSIONS = "from importlib.metadata import version as v; print(v('rep-harness'), v('torch'))"


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


def versions(checkout: Path) -> dict[str, str]:
    """Of the checkout that is timed, not of this process."""

    def output(*command: str) -> str:
        return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()

    harness, torch = output(str(checkout / ".venv/bin/python"), "-c", VERSIONS).split()
    return {"rep-harness": harness, "torch": torch, "commit": output("git", "rev-parse", "--short=12", "HEAD")}


if __name__ == "__main__":
    serve({"suite": suite}, versions(Path(json.loads(sys.argv[2])["checkout"])))
