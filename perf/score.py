"""The one-line score, from the command to the table

`harness score resnet18.pth --backbone resnet18 --data pictures --evaluators knn,linear,"5-way 1-shot"`: a state dict of
torchvision's ResNet-18 (random weights take as long as trained ones) on 2,000 JPEGs of 64 pixels, 1,600 in `train` and
400 in `test`, ten classes of smooth noise. Every repetition has an empty cache and an empty results folder, so that
pictures are decoded each time; files are in the system's cache, as after a download.

    uv run python perf/score.py
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torchvision
from machine import describe
from PIL import Image

CLASSES = 10
EVALUATORS = "knn,linear,5-way 1-shot"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000, help="four fifths are for training")
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="score-") as folder:
        make(Path(folder), arguments.pictures, arguments.side)
        took = [score(Path(folder), number) for number in range(arguments.repetitions)]
    print(json.dumps(describe()))
    print(f"{median(took):.1f} s, median of {', '.join(f'{each:.1f}' for each in took)}")


def make(folder: Path, number: int, side: int) -> None:
    """The pictures and the state dict."""
    generator = np.random.default_rng(0)
    patterns = generator.uniform(0, 255, (CLASSES, 8, 8, 3))
    for place in range(number):
        split, label = ("test" if place % 5 == 4 else "train"), place // 5 % CLASSES
        (folder / "pictures" / split / str(label)).mkdir(parents=True, exist_ok=True)
        coarse = (patterns[label] + generator.normal(0, 60, (8, 8, 3))).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / "pictures" / split / str(label) / f"{place}.jpg", quality=90)
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18().state_dict(), folder / "resnet18.pth")


def score(folder: Path, number: int) -> float:
    """Seconds from the command to its end; the table comes right before."""
    command = ["score", "resnet18.pth", "--backbone", "resnet18", "--data", "pictures", "--evaluators", EVALUATORS]
    started, load = time.monotonic(), os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, "-m", "harness", *command, "--results", f"results-{number}", "--device", "cpu"],
        cwd=folder,
        env={**os.environ, "HARNESS_CACHE": str(folder / f"cache-{number}"), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.monotonic() - started
    assert "\nresnet18.pth " in done.stdout, done.stdout
    print(f"{seconds:.1f} s; load {load:.1f} before, {os.getloadavg()[0]:.1f} after", file=sys.stderr, flush=True)
    return seconds


if __name__ == "__main__":
    main()
