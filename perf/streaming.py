"""Pictures read from files

What it takes to feed a network at 224 px from JPEG files of 500x375, through `image_folder` with `memory_gb: 0`.

- **Reading**: open, decode, crop, resize to 224x224, stack into one uint8 tensor; by one thread and by two.
- **Augmentation**: SimCLR's at 224 px (random resized crop, flip, colour jitter, grey), one view of each picture, on
  the device. On a GPU this costs no core.

Rates, and the processor's time per picture, are measured. The number of cores that a demand takes is calculated from
that time, as if threads did not hinder each other; how far two are from that is seen in the rates, where two cores were
free. The pictures are made up (noise over smooth colours, about 90 kB).

    uv run python perf/streaming.py [--device cuda]
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from contest import arguments_of
from harness_datasets import ImageFolderConfig
from harness_datasets.image_folder import ImageFolder
from machine import describe
from PIL import Image
from render import race_lines

from harness import Augmentation, Split, Streamed
from harness.learning.data.streaming import at
from harness.learning.data.transforms import augment

SIZE = 224
DEMANDS = (1000, 2500)  # pictures/s: about what a ResNet-50 in bf16 consumes on one GPU
BATCH = 64
SIMCLR = Augmentation(crop=(0.08, 1.0), flip=0.5, jitter=0.5, gray=0.2)


def main() -> None:
    parser = arguments_of("streaming", __doc__, repetitions=5)
    arguments = parser.parse_args()
    number = 64 if arguments.quick else 320
    with tempfile.TemporaryDirectory() as folder:
        split = pictures(Path(folder), number)
        races = [
            race("Reading JPEGs of 500x375 at 224 px", {f"{n} threads": reading(split, n) for n in (1, 2)}, arguments),
            race(
                f"Augmentation at 224 px on {arguments.device}, threads: {arguments.threads}",
                {"SimCLR's": augmentation(split, arguments)},
                arguments,
            ),
        ]
    spent = median(races[0]["core_seconds"]["1 threads"])
    needed = {str(demand): math.ceil(demand * spent) for demand in DEMANDS}
    results = {
        "name": "streaming",
        "device": arguments.device,
        "quick": arguments.quick,
        "repetitions": arguments.repetitions,
        "threads": arguments.threads,
        "precision": arguments.precision,
        "loader_workers": 0,
        "machine": describe(),
        "races": races,
        "calculated": {"cores_for_pictures_per_second": needed},
    }
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / f"streaming-{arguments.device}.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(line for each in races for line in race_lines(each)))
    for name, seconds in {**races[0]["core_seconds"], **races[1]["core_seconds"]}.items():
        print(f"{name}: {1000 * median(seconds):.2f} core-ms per picture (measured).")
    for demand, cores in needed.items():
        print(f"{demand} pictures/s need {cores} cores to read them (calculated).")
    print(f"Written to {path}.")


def pictures(folder: Path, number: int) -> Split:
    """A streamed split of made-up photographs."""
    (folder / "pictures/train/all").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for i in range(number):
        smooth = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize((500, 375))
        grainy = np.asarray(smooth) + generator.normal(0, 14, (375, 500, 3))
        photo = Image.fromarray(grainy.clip(0, 255).astype(np.uint8))
        photo.save(folder / f"pictures/train/all/{i:04}.jpg", quality=90)
    config = ImageFolderConfig(path=folder / "pictures", size=SIZE, memory_gb=0.0)
    return ImageFolder(config, folder / "cache").load()["train"]


def reading(split: Split, threads: int) -> Callable[[], int]:
    def run() -> int:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)  # as many as a streamed split reads with
        images = split.to(torch.device("cpu")).samples
        assert isinstance(images, Streamed)
        for index in torch.arange(len(split)).split(BATCH):
            images[index]
        torch.set_num_threads(before)
        return len(split)

    return run


def augmentation(split: Split, arguments: Any) -> Callable[[], int]:
    images = at(split.samples, torch.arange(len(split))).to(arguments.device)
    generator = torch.Generator(arguments.device).manual_seed(0)

    def run() -> int:
        torch.set_num_threads(arguments.threads)
        for batch in images.split(BATCH):
            augment(batch.float() / 255, SIMCLR, generator)
        if arguments.device == "cuda":
            torch.cuda.synchronize()
        return len(images)

    return run


def race(title: str, runs: dict[str, Callable[[], int]], arguments: Any) -> dict[str, Any]:
    """Rates of each, round by round, after one round that does not count."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    core_seconds: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(arguments.repetitions + 1):
        for name, run in runs.items():
            started, used = time.perf_counter(), time.process_time()
            number = run()
            seconds, cores = time.perf_counter() - started, time.process_time() - used
            if round_:
                rates[name].append(float(f"{number / seconds:.6g}"))
                core_seconds[name].append(float(f"{cores / number:.4g}"))
    versions = {name: version(name) for name in ("pillow", "torch")}
    return {
        "title": title,
        "unit": "pictures/s",
        "rates": rates,
        "core_seconds": core_seconds,
        "versions": dict.fromkeys(runs, versions),
        "absent": {},
        "targets": [],
    }


if __name__ == "__main__":
    main()
