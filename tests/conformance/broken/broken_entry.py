"""Registers the broken components, each under the name of its class."""

from dataclasses import dataclass, field
from pathlib import Path

from harness import NoOptions, hookimpl, option


@dataclass(frozen=True)
class Helpless:
    """has an option without help"""

    temperature: float = 1.0


@dataclass(frozen=True)
class Untyped:
    """has an option of a type that no suite can give"""

    layers: list[int] = field(default_factory=lambda: [1, 2], metadata={"help": "widths of the layers"})


@dataclass(frozen=True)
class PathConfig:
    path: Path = option(Path("pictures"), "where the pictures are", identity=False)


METHODS = (
    "NoMethod LossPerImage Squeezed Infinite Centred OneClassMore Unused Frozen Unseeded Forgetful Collapsing Peeking "
    "Benchmarking Reseeding Drawing Freezing OfItsOwnDevice FailsElsewhere KilledElsewhere OnTheCpu "
    "Classify Contrast Prototypes Twice LessSureOfLaterQueries InOrderOfClasses NormalisedByQueries "
    "SupportByPlace FirstShot LabelsPermuted SupportShifted SupportPermuted Queued Followed StandingQueue StandingKeys "
    "QueriesByPlace CarriesOver SoftmaxOverQueries SeenTest Clipping"
)
BACKBONES = (
    "Good NoWidth OtherWidth Whole Centred Unused Unseeded Plain Threads Reseeding Drawing OnTheCpu "
    "NoRunningStatistics FirstChannel Cropped Clipping"
)
DATASETS = (
    "Good Floats KnownNovel EmptyClass Overlapping Unseeded NoFingerprint WordyAugmentation Doubling Seeding "
    "MirroredCopies Patterned LabelsFromOne"
)
EVALUATORS = (
    "Good Unscorable Truncated Sampling WinningTies Training NoGradient Seeding OnTheCpu LastBatchDropped "
    "TrainFeatures OutOfOrder SecondGuess ReferenceAsTest OwnReference AlignedByLabels TestStatistics"
)
EXECUTORS = "Good Mute YesOrNo Nameless Signless Lingering Boasting"


@hookimpl
def register_methods(register):
    for name in METHODS.split():
        register(name, f"broken_methods:{name}", budget={"lr": 0.1})
    for config in (Helpless, Untyped):
        register(config.__name__, "broken_methods:Classify", config, budget={"lr": 0.1})


@hookimpl
def register_backbones(register):
    for name in BACKBONES.split():
        register(name, f"broken_backbones:{name}")


@hookimpl
def register_datasets(register):
    for name in DATASETS.split():
        register(name, f"broken_datasets:{name}", PathConfig if name == "NoFingerprint" else NoOptions)


@hookimpl
def register_evaluators(register):
    for name in EVALUATORS.split():
        register(name, f"broken_evaluators:{name}")


@hookimpl
def register_executors(register):
    for name in EXECUTORS.split():
        register(name, f"broken_executors:{name}")
