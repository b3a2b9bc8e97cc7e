"""What a campaign strikes at: suites, runs with their processes, files."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.faults.bench import environment
from tests.faults.machine import MARK, Process, Role, processes

TOY = """\
name: toy
matrix:
  method:
  - {{use: classify, seconds: 0.015, temperature: [1.0, 2.0]}}
  - {{use: classify, seconds: 0.015, label: then, start: 'classify (seconds=0.015, temperature=2.0)'}}
  backbone: [flat]
  dataset: [blobs]
  seed: {seeds}
budget: {{steps: 16, batch_size: 16, lr: 0.1}}
evaluators:
  nearest: {{}}
"""
BUNDLED = """\
name: bundled
matrix:
  method:
  - {{use: simclr, projection_dim: 16}}
  - {{use: moco, projection_dim: 16, queue_size: 64, bn_splits: 2}}
  - {{use: maml, engine: functional, queries: 2, tasks: 2}}
  - {{use: protonet, ways: 5, queries: 2}}
  - supervised
  - untrained
  - {{use: protonet, ways: 5, queries: 2, label: then, start: simclr}}
  - {{use: supervised, label: last, start: {{method: then, budget: {{steps: 4}}}}}}
  backbone: [{{use: conv4, width: 8}}]
  dataset: [digits]
  seed: {seeds}
budget: {{steps: 10, batch_size: 16}}
evaluators:
  knn: {{k: 5}}
"""


class Run:
    """A `harness run` that was started, and all its processes."""

    def __init__(self, number: str, command: list[str], folder: Path, more: Mapping[str, str]) -> None:
        self.mark = number
        self.output = folder / "output" / f"{number.replace(':', '-')}.txt"
        self.output.parent.mkdir(exist_ok=True)
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment(more), MARK: number},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.killed = False

    def of(self, *roles: Role) -> list[Process]:
        return [process for process in processes(self.mark) if process.role in roles]

    def goes_on(self) -> bool:
        return self.process.poll() is None


def hurt(path: Path, rng: random.Random) -> str:
    """Cut a file short, or flip some of its bits; in words."""
    content = bytearray(path.read_bytes())
    if not content or rng.random() < 0.5:
        length = rng.randrange(len(content)) if content else 0
        os.truncate(path, length)
        return f"cut from {len(content)} to {length} bytes"
    places = [rng.randrange(8 * len(content)) for _ in range(rng.choice((1, 1, 1, 8)))]
    for place in places:
        content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    return f"{len(places)} bits flipped"


def stamps(folder: Path) -> dict[str, int]:
    """When each file was last written, but for those of single runs."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in (folder / "cells").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def last_lines(path: Path) -> str:
    return " | ".join(path.read_text(errors="replace").strip().splitlines()[-3:])
