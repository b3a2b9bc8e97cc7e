"""Registers the broken components, each under the name of its class."""

import hashlib
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


@dataclass(frozen=True)
class WeightsByPath:
    """has the path of its weights in cell ids, and not what is in the file"""

    weights: Path = option(Path(__file__), "weights to start from")


@dataclass(frozen=True)
class WeightsByName:
    """has a fingerprint that is the name of its file of weights"""

    weights: str = option(__file__, "weights to start from", identity=False)

    def fingerprint(self):
        return self.weights.rpartition("/")[2]


@dataclass(frozen=True)
class WeightsByPlace:
    """has a fingerprint that is the path of its file of weights"""

    weights: Path = option(Path(__file__), "weights to start from", identity=False)

    def fingerprint(self):
        return str(self.weights)


@dataclass(frozen=True)
class WeightsUntold:
    """has no fingerprint, but None, of the file of weights that it names"""

    weights: Path = option(Path(__file__), "weights to start from", identity=False)

    def fingerprint(self):
        return None


@dataclass(frozen=True)
class Weights:
    weights: Path = option(Path(__file__), "weights to start from", identity=False)

    def fingerprint(self):
        return hashlib.sha256(self.weights.read_bytes()).hexdigest()


@dataclass(frozen=True)
class WeightsTwice:
    """has the content of its weights in cell ids, and the path as well"""

    weights: Path = option(Path(__file__), "weights to start from")

    def fingerprint(self):
        return hashlib.sha256(self.weights.read_bytes()).hexdigest()


GOOD_METHODS = "Classify Contrast Queued Followed Prototypes"
METHODS = (
    "NoMethod LossPerImage Squeezed Infinite Centred OneClassMore Unused Frozen Unseeded Forgetful Collapsing Peeking "
    "Benchmarking Reseeding DropsItsHead HoldsALibrary NormalisedSamples Drawing Freezing OfItsOwnDevice "
    "FailsElsewhere KilledElsewhere OnTheCpu "
    "Twice LessSureOfLaterQueries InOrderOfClasses NormalisedByQueries "
    "SupportByPlace FirstShot LabelsPermuted SupportShifted SupportPermuted StandingQueue StandingKeys "
    "QueriesByPlace CarriesOver SoftmaxOverQueries SeenTest Clipping"
)
BACKBONES = (
    "Good NoWidth OtherWidth Whole Centred Unused Unseeded Plain Threads Reseeding Drawing OnTheCpu "
    "NoRunningStatistics FirstChannel Cropped Clipping CoarseFirst OtherStrides"
)
TEXT_BACKBONES = "Words Padded"
DATASETS = (
    "Good Floats KnownNovel EmptyClass Overlapping Unseeded NoFingerprint WordyAugmentation Doubling Seeding "
    "OtherName "
    "MirroredCopies Patterned LabelsFromOne"
)
EVALUATORS = (
    "Good Unscorable Truncated Sampling WinningTies Training NoGradient Seeding OnTheCpu LastBatchDropped "
    "TrainFeatures OutOfOrder SecondGuess ReferenceAsTest OwnReference AlignedByLabels TestStatistics ChosenOnTest "
    "Whole OtherStatistic NoEnds Elsewhere UnseededBootstrap Fractional NamelessUnits Bare"
)
OPTIMIZERS = (
    "Good Factored NoDecay NoOptimizer MatricesAlone MatricesMove MovesAll OwnRate RateOfOneMore DecaysAll "
    "DecaysNothing PlainVelocity PlainCount Opaque Threads Reseeding OnTheCpu"
)
MODALITIES = (
    "Good NoModality TakesAll Flattened OfTheBatch InPlace OtherType OwnNoise Silent WholeNoise MeasuresAll Refits "
    "OnTheCpu"
)
EXECUTORS = "Good Mute YesOrNo Nameless Signless Lingering Boasting Hasty"


@hookimpl
def register_methods(register):
    for name in METHODS.split():
        register(name, f"broken_methods:{name}", budget={"lr": 0.1})
    for name in GOOD_METHODS.split():
        register(name, f"good_methods:{name}", budget={"lr": 0.1})
    register("Triplewise", "own_batches:Triplewise", budget={"lr": 0.1})
    for config in (Helpless, Untyped, WeightsByPath):
        register(config.__name__, "good_methods:Classify", config, budget={"lr": 0.1})


@hookimpl
def register_backbones(register):
    for name in BACKBONES.split():
        register(name, f"broken_backbones:{name}", modality="images")
    for name in TEXT_BACKBONES.split():
        register(name, f"broken_backbones:{name}", modality="text")
    for config in (WeightsByPath, WeightsByName, WeightsByPlace, WeightsTwice, WeightsUntold):
        register(config.__name__, "broken_backbones:Good", config, modality="images")
    register("Pretrained", "broken_backbones:Pretrained", Weights, modality="images")


@hookimpl
def register_datasets(register):
    for name in DATASETS.split():
        config = PathConfig if name == "NoFingerprint" else NoOptions
        register(name, f"broken_datasets:{name}", config, modality="pictures" if name == "OtherName" else "images")
    for name in MODALITIES.split():
        register(f"{name}Numbers", f"broken_modalitys:{name}", modality="numbers")


@hookimpl
def register_evaluators(register):
    for name in EVALUATORS.split():
        register(name, f"broken_evaluators:{name}")
    register("WeightsByPath", "broken_evaluators:Good", WeightsByPath)


@hookimpl
def register_optimizers(register):
    for name in OPTIMIZERS.split():
        register(name, f"broken_optimizers:{name}")
    register("WeightsByPath", "broken_optimizers:Good", WeightsByPath)


@hookimpl
def register_executors(register):
    for name in EXECUTORS.split():
        register(name, f"broken_executors:{name}")
