"""An executor as a cluster has it: its jobs live on without the run that submitted them, and it starts them again."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from harness.executor import Capabilities, Ended, Executor, Job

SHELL = """
trap 'HELD= RESTARTED= stopped=1; [ -z "$job" ] || kill $job' TERM
run() { "$@" & job=$!; wait $job; code=$?; while kill -0 $job 2> /dev/null; do wait $job; code=$?; done; }
while [ -e "$HELD" ]; do sleep 0.05; done
for each in $AFTER; do while [ -e "$each" ] && [ ! -e "$each/code" ]; do sleep 0.05; done; done
code=143
[ -n "$stopped" ] || run "$@"
if [ $code -gt 128 ] && [ -n "$RESTARTED" ]; then touch "$RESTARTED"; run "$@"; fi
echo $code > "$FOLDER/code.tmp"; mv "$FOLDER/code.tmp" "$FOLDER/code"
"""


class Engine(Executor):
    """A folder for each job: `job.json` as it was submitted, `pid` of the shell around it, `code` when it has ended."""

    def __init__(self, config, resources):
        super().__init__(config, resources)
        self.folder = resources.folder.absolute() / "engine"
        self.held = self.folder / ".held"  # no job's name
        seconds = config.minutes and 60 * config.minutes
        self.capabilities = Capabilities(1, config.memory_gb, seconds, detaches=True, shared_files=config.shared)

    def submit(self, job):
        folder = self.folder / job.name
        folder.mkdir(parents=True)
        if self.config.hold:
            self.held.touch()
        restarted = self.config.restarted
        folder.joinpath("job.json").write_text(json.dumps([job.name, job.command, job.log]))
        Path(job.log).parent.mkdir(parents=True, exist_ok=True)
        names = {"FOLDER": folder, "HELD": self.held if job.command[0] == "cell" else "", "RESTARTED": restarted or ""}
        names["AFTER"] = " ".join(str(self.running[name]) for name in job.after if name in self.running)
        with Path(job.log).open("a") as log:
            process = subprocess.Popen(
                ["sh", "-c", SHELL, "sh", sys.executable, "-m", "harness", *job.command],
                env={**os.environ, **{name: str(value) for name, value in names.items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        folder.joinpath("pid").write_text(str(process.pid))
        self.running[job.name] = folder

    def poll(self, timeout):
        deadline = time.monotonic() + timeout
        while not (over := [folder for folder in self.running.values() if (folder / "code").exists()]):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        codes = {folder.name: int((folder / "code").read_text()) for folder in over}
        for folder in over:
            del self.running[folder.name]
            folder.rename(folder.with_name(f"{folder.name}.ended-{time.time_ns()}"))
        return [Ended(name, code) for name, code in codes.items()]

    def adopt(self, cells):
        jobs = []
        for file in self.folder.glob("*/job.json"):
            name, command, log = json.loads(file.read_text())
            if name in cells and ".ended-" not in file.parent.name:
                self.running[name] = file.parent
                jobs.append(Job(name, tuple(command), log))
        self.held.unlink(missing_ok=True)
        return jobs

    def detach(self):
        self.running = {}

    def cancel(self):
        deadline = time.monotonic() + 12
        while time.monotonic() < deadline:
            left = [int((folder / "pid").read_text()) for folder in self.running.values() if not ended(folder)]
            if not left:
                return
            for pid in left:  # again and again: a job that is just being started does not hear the first one
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.25)

    def kill(self):
        for folder in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)

    def close(self):
        pass


def ended(folder):
    """Whether a job's shell is gone; one that was ended before it could say so leaves no code."""
    if (folder / "code").exists():
        return True
    pid = int((folder / "pid").read_text())
    with suppress(ChildProcessError):  # of an earlier run
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return not Path(f"/proc/{pid}").exists()
