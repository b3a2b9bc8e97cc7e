"""Executors that each keep the contract but for one point."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from harness.executor import Capabilities, Ended, Executor

LEFT = {}  # running jobs by the folder of results


class Good(Executor):
    """As many processes as it has workers."""

    def __init__(self, config, resources):
        super().__init__(config, resources)
        self.running = {}
        self.waiting = []

    def submit(self, job):
        self.waiting.append(job)
        self.start()

    def start(self):
        for job in list(self.waiting):
            if len(self.running) >= self.resources.workers or self.early(job):
                continue
            self.waiting.remove(job)
            with Path(job.log).open("ab") as log:
                self.running[self.key(job)] = job, subprocess.Popen(self.command(job), stdout=log, stderr=log)

    def early(self, job):
        """Whether it has to wait for another job."""
        return any(each.name in job.after for each in (*self.waiting, *(job for job, _ in self.running.values())))

    def command(self, job):
        return [sys.executable, "-m", "harness", *job.command]

    def key(self, job):
        return job.name

    def code(self, code):
        return code

    def poll(self, timeout):
        deadline = time.monotonic() + timeout
        while all(process.poll() is None for _, process in self.running.values()) and time.monotonic() < deadline:
            time.sleep(0.01)
        ended = {key: each for key, each in self.running.items() if each[1].poll() is not None}
        for key in ended:
            del self.running[key]
        self.start()
        return [Ended(job.name, self.code(process.returncode)) for job, process in ended.values()]

    def cancel(self):
        self.waiting.clear()
        self.end(signal.SIGTERM)

    def kill(self):
        self.waiting.clear()
        self.end(signal.SIGKILL)

    def end(self, number):
        for _, process in self.running.values():
            process.send_signal(number)
        for _, process in self.running.values():
            process.wait()

    def close(self):
        self.kill()


class Mute(Good):
    """lets the output of its jobs go"""

    def command(self, job):
        return ["sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh", *super().command(job)]


class YesOrNo(Good):
    """reports every failure as 1"""

    def code(self, code):
        return min(code, 1)


class Nameless(Good):
    """keeps its jobs by their logs instead of their names"""

    def key(self, job):
        return job.log


class Signless(Good):
    """reports signals without their sign"""

    def code(self, code):
        return abs(code)


class Lingering(Good):
    """cancels what waits and leaves what runs"""

    def cancel(self):
        self.waiting.clear()


class Boasting(Good):
    """says that its jobs live on, and does not find them again"""

    capabilities = Capabilities(detaches=True)

    def detach(self):
        """As it must."""


class Hasty(Good):
    """begins a job before the one that it comes after has ended"""

    capabilities = Capabilities(detaches=True)

    def early(self, job):
        return False

    def detach(self):
        LEFT[self.resources.folder] = self.running

    def adopt(self, cells):
        for key, (job, process) in LEFT.get(self.resources.folder, {}).items():
            if job.name in cells:
                self.running[key] = job, process
        return [job for job, _ in self.running.values()]
