"""Deliberately broken plugins, at least one for each check of the conformance kit, and what the kit says of each.

tests/conformance/test_kit.py asserts it; docs/conformance.py writes docs/conformance.md from it.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from harness import testing
from harness.plugins.manager import installed_plugins
from harness.plugins.registry import registry
from harness.testing import ConformanceError, Failure, devices

SOURCES = Path(__file__).parent / "broken"
OBSERVERS = ("mute", "expectant", "remembering", "clearing", "threads", "seeding")

# kind -> check -> broken plugins, each of which fails that check alone
BROKEN: dict[str, dict[str, str]] = {
    "method": {
        "it can be built": "NoMethod",
        "the loss is a scalar": "LossPerImage",
        "options have help": "Helpless",
        "options are typed": "Untyped",
        "registration is lazy": "Eager",
        "the fingerprint identifies the content": "WeightsByPath",
        "encode takes any batch": "Squeezed",
        "features are finite floats": "Infinite",
        "samples are encoded apart": "Centred",
        "adapt gives logits": "OneClassMore",
        "queries may come in any order": "LessSureOfLaterQueries InOrderOfClasses",
        "queries are classified apart": "NormalisedByQueries SoftmaxOverQueries",
        "the support set may come in any order": "SupportByPlace FirstShot",
        "episodes are adapted apart": "CarriesOver",
        "gradients reach every parameter": "Unused",
        "no parameter is frozen": "Frozen StandingKeys",
        "training repeats itself": "Unseeded",
        "it can be saved and loaded": "Forgetful",
        "queues move on": "StandingQueue",
        "only train is learned from": "SeenTest",
        "it learns": "Collapsing LabelsPermuted SupportShifted SupportPermuted QueriesByPlace",
        "what ends a training changes no score": "DropsItsHead",
        "samples are made apart": "NormalisedSamples",
        "no label reaches a loss of views": "Peeking",
        "settings of the process are kept": "Benchmarking",
        "global generators are not seeded": "Reseeding",
        "encoding draws no random numbers": "Drawing",
        "evaluation leaves it untouched": "Freezing Clipping",
        "it can be copied": "HoldsALibrary",
        "two devices learn what one does": "OfItsOwnDevice FailsElsewhere KilledElsewhere",
        "it runs on a gpu": "OnTheCpu",
    },
    "backbone": {
        "it can be built": "NoWidth",
        "the fingerprint identifies the content": "WeightsByPath WeightsByName WeightsByPlace WeightsTwice "
        "WeightsUntold",
        "features have the announced width": "OtherWidth",
        "features are finite floats": "Whole",
        "samples are encoded apart": "Centred NoRunningStatistics",
        "all of an image is seen": "FirstChannel Cropped",
        "texts are tokenized apart": "Padded",
        "maps are of each image": "CoarseFirst",
        "strides are those of the maps": "OtherStrides",
        "images are left as they are": "Clipping",
        "gradients reach every parameter": "Unused",
        "building repeats itself": "Unseeded",
        "it can be saved and loaded": "Plain",
        "settings of the process are kept": "Threads",
        "global generators are not seeded": "Reseeding",
        "encoding draws no random numbers": "Drawing",
        "it runs on a gpu": "OnTheCpu",
    },
    "dataset": {
        "it can be loaded": "Floats",
        "splits have their fixed meanings": "KnownNovel",
        "every class has samples": "EmptyClass",
        "splits share no sample": "Overlapping MirroredCopies",
        "labels mean the same in train and test": "LabelsFromOne",
        "loading repeats itself": "Unseeded",
        "the fingerprint identifies the content": "NoFingerprint",
        "the modality is the registered one": "OtherName",
        "the augmentation is one": "WordyAugmentation",
        "settings of the process are kept": "Doubling",
        "loading draws no global random numbers": "Seeding",
    },
    "evaluator": {
        "it scores an encoder": "Unscorable",
        "the fingerprint identifies the content": "WeightsByPath",
        "metrics say what they are made of": (
            "Truncated LastBatchDropped NamelessUnits Bare Fractional OtherStatistic NoEnds Elsewhere"
        ),
        "scores repeat themselves": "Sampling UnseededBootstrap",
        "a perfect encoder is told from a blind one": "WinningTies TrainFeatures OutOfOrder",
        "half of the knowledge is not enough": "SecondGuess",
        "what is scored was not learned": "ReferenceAsTest OwnReference AlignedByLabels",
        "images are scored apart": "TestStatistics",
        "nothing is chosen by labels that are scored": "ChosenOnTest",
        "the encoder is left untouched": "Training",
        "settings of the process are kept": "NoGradient",
        "global generators are left alone": "Seeding",
        "it runs on a gpu": "OnTheCpu",
    },
    "optimizer": {
        "it can be made": "NoOptimizer MatricesAlone",
        "the fingerprint identifies the content": "WeightsByPath",
        "a step moves every weight": "MatricesMove",
        "a weight without a gradient stays": "MovesAll",
        "a step is as long as the rate says": "OwnRate RateOfOneMore",
        "weight decay is that of the group": "DecaysAll DecaysNothing",
        "it goes on from a checkpoint": "PlainVelocity PlainCount Opaque",
        "settings of the process are kept": "Threads",
        "global generators are not seeded": "Reseeding",
        "it runs on a gpu": "OnTheCpu",
    },
    "modality": {
        "it is one": "NoModality",
        "other samples are refused": "TakesAll",
        "inputs keep the batch": "Flattened",
        "samples are seen apart": "OfTheBatch",
        "samples are left as they are": "InPlace",
        "views look like inputs": "OtherType",
        "views repeat themselves": "OwnNoise Silent",
        "parts of a batch are parts of its views": "WholeNoise",
        "only train is measured": "MeasuresAll",
        "it fits itself": "Refits",
        "it runs on a gpu": "OnTheCpu",
    },
    "executor": {
        "jobs run and write their logs": "Mute",
        "exit codes are reported": "YesOrNo",
        "running names what runs": "Nameless",
        "a killed job hurts no other": "Signless",
        "cancel ends all jobs": "Lingering",
        "detached jobs are adopted": "Boasting",
        "jobs wait for others": "Hasty",
    },
    "observer": {
        "it observes something": "mute",
        "importing it is cheap": "eager",
        "a training is observed": "expectant",
        "a run is observed without its trainings": "remembering",
        "events are left as they are": "clearing",
        "settings of the process are kept": "threads",
        "global generators are left alone": "seeding",
    },
}
GOOD = {
    "method": ("Classify", "Contrast", "Prototypes", "Queued", "Followed", "Triplewise"),
    "backbone": ("Good", "Pretrained", "Words"),
    "dataset": ("Good", "Patterned"),
    "evaluator": ("Good", "Whole"),
    "optimizer": ("Good", "Factored", "NoDecay"),
    "executor": ("Good",),
    "modality": ("Good",),
}
ON_A_GPU = ("evaluator", "it runs on a gpu")  # needs a real one


@dataclass(frozen=True)
class Broken:
    """A plugin that fails one check."""

    kind: str
    check: str
    name: str

    @property
    def fault(self) -> str:
        """What is wrong with it: its docstring."""
        if self.check in ("registration is lazy", "importing it is cheap"):
            return inspect.getdoc(importlib.import_module("broken_eager")) or ""
        name = self.name.capitalize() if self.kind == "observer" else self.name
        entry = importlib.import_module("broken_entry")  # has those of which the Config is wrong
        module = entry if hasattr(entry, name) else importlib.import_module(f"broken_{self.kind}s")
        return inspect.getdoc(getattr(module, name)) or ""


def every() -> Iterator[Broken]:
    """All of them, but for those that need a GPU where there is none."""
    for kind, checks in BROKEN.items():
        for check, names in checks.items():
            if (kind, check) != ON_A_GPU or torch.cuda.is_available():
                yield from (Broken(kind, check, name) for name in names.split())


def registered(kind: str, name: str) -> str:
    """What a broken plugin is registered as: a modality, by a data set that gives it."""
    return f"{name}Numbers" if kind == "modality" else name


def check_of(kind: str) -> Callable[..., None]:
    function: Callable[..., None] = getattr(testing, f"check_{kind}")
    return function


def meet(broken: Broken) -> tuple[Failure, ...]:
    """Every check that it fails. Without a GPU, torch's `meta` device stands in for one: it, too, takes no tensor of
    the CPU's."""
    stand_in: Any = contextlib.nullcontext()
    if broken.check == "it runs on a gpu" and not torch.cuda.is_available():
        stand_in = mock.patch.object(devices, "accelerators", return_value=[torch.device("meta")])
    try:
        with stand_in:
            check_of(broken.kind)(registered(broken.kind, broken.name))
    except ConformanceError as error:
        return error.failures
    return ()


def steady(text: str) -> str:
    """Without what differs from machine to machine: measured numbers, places of temporary files, lines of code."""
    text = re.sub(r"/\S*/", "", text)
    return re.sub(r"(?<=\d)\.\d+|(?<=\.py:)\d+", "...", text)


@contextlib.contextmanager
def plugins() -> Iterator[None]:
    """The broken plugins as installed distributions."""
    points = [
        "broken = broken_entry",
        "eager = broken_eager",
        *(f"{each} = broken_observers:{each}" for each in OBSERVERS),
    ]
    with tempfile.TemporaryDirectory(prefix="harness-broken-") as folder:
        info = Path(folder) / "plugin_broken-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-broken\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text("\n".join(["[harness]", *points, ""]))
        with mock.patch.object(sys, "path", [folder, str(SOURCES), *sys.path]):
            _forget()
            try:
                yield
            finally:
                _forget()


def _forget() -> None:
    """What is known of the installed plugins."""
    importlib.invalidate_caches()
    installed_plugins.cache_clear()
    registry.cache_clear()
