"""A training that is killed and goes on equals one that was never stopped, bit for bit: weights, metrics, log of steps.

Each cell of one suite is killed by SIGKILL, at a step of its own, and run again by the same command. (Cells of
test_curve_resume.py are killed twice.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from PIL import Image

from harness import ImageShape, UsageError
from harness.base.checkpoint_interval import Interval
from harness.plugins.registry import registry
from tests import warm
from tests.faults.bench import cells, environment, outcome

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")

BUNDLED = [spec.name for spec in registry().all("method") if spec.origin.distribution.startswith("rep-harness")]
SMALL = {
    "moco": {"queue_size": 40, "projection_dim": 16, "bn_splits": 2},  # which the 12 batches go round more than once
    "moco_v3": {"projection_dim": 16, "hidden_dim": 32},
    "simsiam": {"projection_dim": 16, "hidden_dim": 8},
    "protonet": {"ways": 5, "shots": 2, "queries": 2},
    "maml": {"tasks": 2, "queries": 2},
    "anil": {"tasks": 2, "queries": 2},
    "umtra": {"tasks": 2},
    "psco": {"queue_size": 40, "projection_dim": 16, "hidden_dim": 32, "shots": 2},
    "meta_baseline": {"tasks": 2, "queries": 2},
    "contrad": {"hidden_dim": 16, "projection_dim": 8, "width": 4},
    "byol": {"projection_dim": 16, "hidden_dim": 32},
    "barlow_twins": {"projection_dim": 16},
    "vicreg": {"projection_dim": 16},
    "nnclr": {"projection_dim": 16, "hidden_dim": 32, "predictor_dim": 32, "queue_size": 40},
    "lejepa": {"projection_dim": 16, "hidden_dim": 32, "slices": 16},
    "swav": {"projection_dim": 16, "hidden_dim": 32, "prototypes": 20, "queue_size": 40},
    "dino": {"hidden_dim": 32, "bottleneck_dim": 16, "prototypes": 20},
    "oml": {"shots": 3},
    "mtl": {"within": None},
    "mmaml": {"tasks": 2, "queries": 2, "within": None},
    "matching_networks": {"tasks": 2, "queries": 2},
    "relation_networks": {"tasks": 2, "queries": 2},
    "r2d2": {"tasks": 2, "queries": 2},
    "reptile": {"tasks": 2, "shots": 4, "queries": 2},
    "meta_sgd": {"tasks": 2, "queries": 2},
    "meta_curvature": {"tasks": 2, "queries": 2},
}
CLUSTERS = {"clusters": 12, "partitions": 2, "queries": 2}
STARTED = {  # those that need trained weights, by label
    "pretrained": {"use": "pretrained"},
    "cactus": {"use": "cactus", "tasks": 2, **CLUSTERS},
    "cactus protonet": {"use": "cactus", "label": "cactus protonet", "learner": "protonet", **CLUSTERS},
}
ENGINES = ("learn2learn", "functional", "vmap")
OPTIMIZERS = ("sgd", "adam", "adamw", "lars")
ON_TEXTS = ("simcse", "simcse_supervised")
ON_PATCHES = {"mae": {"use": "mae", "label": "mae", "decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2}}
SHORT = {"width": 8, "transitions": 4, "first_episodes": 1, "collect_every": 3, "replay": 70}  # which goes round
ON_TASKS: list[dict[str, Any]] = [
    {"use": "pearl", "label": "pearl", **SHORT, "context": 4, "recent_episodes": 2},
    {"use": "sac", "label": "sac", **SHORT},
    {"use": "rl2", "label": "rl2", "width": 8, "episodes": 1},
    {"use": "maml_pg", "label": "maml_pg", "width": 8},
]
TEXTS: list[dict[str, Any]] = [  # under dropout, for which the step's random state counts
    {"use": "simcse", "label": "simcse", "view": "crop"},
    {"use": "simcse_supervised", "label": "simcse_supervised"},
    {"use": "moco", "label": "moco on texts", "queue_size": 40, "projection_dim": 16},
]
METHODS: list[dict[str, Any]] = [
    *(
        {"use": name, **SMALL.get(name, {})}
        for name in BUNDLED
        if name not in (*STARTED, *ON_TEXTS, *ON_PATCHES, *(method["use"] for method in ON_TASKS))
    ),
    *(  # an engine does not decide a cell's id: something else must
        {"use": "maml", "label": f"maml {engine}", "engine": engine, "tasks": 2, "queries": 3 + number}
        for number, engine in enumerate(ENGINES)
    ),
    *(
        {"use": "simclr", "label": f"simclr {name}", "budget": {"optimizer": name, "lr": 0.01, "weight_decay": 0.001}}
        for name in OPTIMIZERS
    ),
    {"use": "supervised", "label": "warm-up", "budget": {"warmup": 0.5, "schedule": "cosine"}},
    {"use": "supervised", "label": "bf16", "budget": {"precision": "bf16"}},
    {"use": "classify", "label": "dropout"},
]
LABELS = [str(method.get("label", method["use"])) for method in METHODS] + [
    *STARTED,
    "pictures",
    "episodes of pictures",
    *(str(method["label"]) for method in TEXTS),
    *ON_PATCHES,
]
TASKS = [str(method["label"]) for method in ON_TASKS]


WITHOUT_LABELS = {
    *("untrained", "simclr", "moco", "moco_v3", "simsiam", "byol", "barlow_twins", "vicreg", "nnclr", "swav", "dino"),
    *("lejepa", "dcl", "dclw", "contrad", "mae", "simcse", "moco on texts"),
    *("protoclr", "umtra", "psco", "pretrained", "cactus", "cactus protonet"),
    *(f"simclr {name}" for name in OPTIMIZERS),
    *TASKS,
}


def suite(folder: Path) -> Path:
    """A suite of small cells, some on pictures that are read from files as they are needed."""
    noise = np.random.default_rng(0)
    for number in range(96):
        split = "train" if number % 4 else "test"
        path = folder / "pictures" / split / f"class {number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (16, 20, 3), dtype=np.uint8)).save(path)
    torch.save(Conv4(Conv4Config(width=8), ImageShape(1, 8, 8)).state_dict(), folder / "start.pth")
    streamed = {"use": "image_folder", "path": "pictures", "size": 16, "memory_gb": 0.0}
    document = {
        "name": "resume",
        "matrix": {
            "method": METHODS,
            "backbone": [{"use": "conv4", "width": 8, "variant": "stride"}],  # which takes small crops
            "dataset": ["digits"],
            "seed": [0],
        },
        "include": [
            *(
                {"method": method, "backbone": {"use": "conv4", "width": 8, "weights": "start.pth"}}
                for method in STARTED.values()
            ),
            {"method": {"use": "supervised", "label": "pictures"}, "dataset": streamed},
            {
                "method": {"use": "protonet", "label": "episodes of pictures", "ways": 3, "shots": 2, "queries": 2},
                "dataset": streamed,
            },
            *(
                {
                    "method": method,
                    "backbone": {"use": "words", "width": 8, "vocabulary": 300},
                    "dataset": {"use": "grammar", "triples": 48},
                }
                for method in TEXTS
            ),
            *(
                {
                    "method": method,
                    "backbone": {"use": "timm", "model": "test_vit", "patch_size": 2},
                    "dataset": "digits",
                }
                for method in ON_PATCHES.values()
            ),
            *({"method": method, "backbone": "transition_mlp", "dataset": "point_robot"} for method in ON_TASKS),
        ],
        "budget": {"steps": 12, "batch_size": 16},
        "evaluators": {
            "knn": {"k": 5, "only": LABELS},
            "fewshot": {"split": "test", "ways": 3, "shots": 1, "queries": 2, "episodes": 6, "only": LABELS},
            "adaptation": {"episodes": 2, "repeats": 1, "only": TASKS},
        },
    }
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Path]]:
    """The cells of a run that nothing disturbed, and of one whose cells were killed, by method."""
    folder = tmp_path_factory.mktemp("resume")
    kills = folder / "kills"
    kills.mkdir()
    command = ["run", str(suite(folder)), "--device", "cpu", "--workers", "2"]
    calm = [*command, "--results", "calm"]
    stormy = [*command, "--results", "stormy", "--checkpoint-every", "2steps"]
    deadly = {"HARNESS_WITNESS_KILLS": str(kills), "HARNESS_WITNESS_DEATHS": "1"}
    assert [run(calm, folder, {}), run(stormy, folder, deadly), run(stormy, folder, deadly)] == [0, 1, 0]
    assert len(list(kills.iterdir())) == len(LABELS + TASKS)
    return by_method(folder / "calm"), by_method(folder / "stormy")


def run(command: list[str], folder: Path, more: dict[str, str]) -> int:
    done = warm.run(command, folder, environment(more), seconds=900)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def by_method(results: Path) -> dict[str, Path]:
    return {name.split(" · ")[0].split(" (")[0]: folder for name, folder in cells(results).items()}


@pytest.mark.parametrize("label", LABELS + TASKS)
def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(
    label: str, both: tuple[dict[str, Path], dict[str, Path]]
) -> None:
    calm, stormy = (cells_of[label] for cells_of in both)
    assert outcome(stormy) == outcome(calm)
    attempts = [json.loads(path.read_text())["status"] for path in sorted(stormy.glob("attempts/*.json"))]
    assert attempts[-1] == "ok"
    assert "ok" not in attempts[:-1]
    left = {path.name for path in stormy.rglob("*") if path.is_file()} - {path.name for path in calm.rglob("*")}
    assert left <= {f"{number:03}{suffix}" for number in range(9) for suffix in (".json", ".log")}  # attempts alone
    assert len(attempts) == 2
    assert json.loads((calm / "training.json").read_text())["resumed_at"] is None
    if label not in ("untrained", "pretrained"):
        training = json.loads((stormy / "training.json").read_text())
        assert training["resumed_at"] in (6, 8, 10)  # the last of the even steps before the death
        assert training["seconds"] > 0


def test_a_record_says_whether_the_training_used_labels(both: tuple[dict[str, Path], dict[str, Path]]) -> None:
    used = {label: json.loads((folder / "training.json").read_text())["labels"] for label, folder in both[0].items()}
    assert {label for label, each in used.items() if not each} == WITHOUT_LABELS


@pytest.mark.parametrize(
    ("text", "seconds", "steps"),
    [("30s", 30, None), ("5min", 300, None), (" 1.5 h ", 5400, None), ("100steps", None, 100), ("1 step", None, 1)],
)
def test_intervals(text: str, seconds: float | None, steps: int | None) -> None:
    interval = Interval.parse(text)
    assert interval == Interval(**({"seconds": seconds} if seconds else {"steps": steps}))
    if seconds:
        assert interval.over(10**9, seconds)
        assert not interval.over(10**9, seconds - 1)
    if steps:
        assert interval.over(steps, 0.0)
        assert not interval.over(steps - 1, 10**9)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "0s", "0steps", "1 hour", "nan s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--checkpoint-every is written as 30s, 5min, 1h or 100steps, not"):
        Interval.parse(text)
