"""Registers `byol`, `barlow_twins`, `vicreg`, `nnclr`, `dcl`, `dclw`, `supcon`, `lejepa`, `swav` and `dino`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from harness_simclr import Config as SimCLRConfig

from harness import Augmentation, Register, hookimpl, option
from harness_joint import published

SGD = {"optimizer": "sgd", "lr": 0.03, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine", "warmup": 0.05}
# where the papers have LARS, with a rate of its own for biases and norms where the loss is large
ADAM = {"optimizer": "adam", "lr": 1e-3, "schedule": "cosine", "warmup": 0.05}


@dataclass(frozen=True)
class TwoViewsConfig:
    """What all that pass two views apart have. Whole numbers are at least 1, weights at least 0."""

    augment: Augmentation = option(Augmentation(), "changes to the data set's augmentation")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{each.name} must be at least 1, not {value}")
            if isinstance(value, float) and value < 0:
                raise ValueError(f"{each.name} must be at least 0, not {value}")


@dataclass(frozen=True)
class BYOLConfig(TwoViewsConfig):
    """Options of BYOL. The momentum is the authors' for 100 and 300 epochs; theirs is .97 for 40, .996 for 1000."""

    projection_dim: int = option(256, "width of the projection, and of the prediction")
    hidden_dim: int = option(4096, "width of the hidden layers of projector and predictor")
    momentum: float = option(0.99, "share of the target that the first step keeps; rises to 1 along a cosine")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum > 1:
            raise ValueError(f"momentum must be at most 1, not {self.momentum}")


@dataclass(frozen=True)
class BarlowTwinsConfig(TwoViewsConfig):
    """Options of Barlow Twins."""

    projection_dim: int = option(2048, "width of the projector's three layers; the paper's is 8192")
    redundancy_weight: float = option(0.005, "lambda of eq. 1: weight of the redundancy reduction term")


@dataclass(frozen=True)
class VICRegConfig(TwoViewsConfig):
    """Options of VICReg."""

    projection_dim: int = option(2048, "width of the expander's three layers; the paper's is 8192")
    invariance_weight: float = option(25.0, "lambda of eq. 6: weight of the distance between views")
    variance_weight: float = option(25.0, "mu of eq. 6: weight of the spread of each dimension")
    covariance_weight: float = option(1.0, "nu of eq. 6: weight of the covariances of different dimensions")


@dataclass(frozen=True)
class NNCLRConfig(TwoViewsConfig):
    """Options of NNCLR."""

    temperature: float = option(0.1, "softmax temperature")
    queue_size: int = option(4096, "projections of earlier batches, among which neighbours are looked for")
    projection_dim: int = option(256, "width of the projection, and of the prediction")
    hidden_dim: int = option(2048, "width of the projector's hidden layers")
    predictor_dim: int = option(4096, "width of the predictor's hidden layer")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature == 0:
            raise ValueError("temperature must be positive")


@dataclass(frozen=True)
class DCLConfig(SimCLRConfig):
    """Options of DCL: those of SimCLR."""

    temperature: float = option(0.1, "softmax temperature")


@dataclass(frozen=True)
class DCLWConfig(DCLConfig):
    """Options of DCLW."""

    sigma: float = option(0.5, "temperature of the weights of positives; for a large value all weights are equal")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma <= 0:
            raise ValueError(f"sigma must be positive, not {self.sigma}")


@dataclass(frozen=True)
class SupConConfig(SimCLRConfig):
    """Options of SupCon: those of SimCLR."""

    temperature: float = option(0.1, "softmax temperature")


@dataclass(frozen=True)
class LeJEPAConfig(TwoViewsConfig):
    """Options of LeJEPA, as in the authors' minimal example."""

    sigreg_weight: float = option(0.02, "lambda: share of SIGReg in the loss; the rest is prediction")
    slices: int = option(256, "random directions along which a step compares projections with a Gaussian")
    projection_dim: int = option(16, "width of the projection")
    hidden_dim: int = option(2048, "width of the projector's hidden layers")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigreg_weight > 1:
            raise ValueError(f"sigreg_weight must be at most 1, not {self.sigreg_weight}")


@dataclass(frozen=True)
class MultiCropConfig(TwoViewsConfig):
    """What methods of large and small crops have."""

    small_crops: int = option(4, "small crops of each picture, beside two large ones; 0: none")
    small_side: int = option(0, "height and width of small crops in pixels; 0: half of the picture's shorter side")
    small_area: tuple[float, float] = option((0.05, 0.14), "least and greatest share of the picture in a small crop")
    frozen_steps: int = option(0, "first steps in which the prototypes do not learn; in the papers, those of an epoch")

    def __post_init__(self) -> None:
        for name in ("small_crops", "small_side", "frozen_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        if not 0 < self.small_area[0] <= self.small_area[1] <= 1:
            raise ValueError(f"small_area must be two shares of the picture, the smaller first, not {self.small_area}")


@dataclass(frozen=True)
class SwAVConfig(MultiCropConfig):
    """Options of SwAV."""

    prototypes: int = option(512, "prototypes; the paper has 3000 for the 1000 classes of ImageNet")
    temperature: float = option(0.1, "softmax temperature of predictions")
    entropy: float = option(0.05, "epsilon of eq. 3: larger, a picture belongs to more prototypes")
    queue_size: int = option(0, "projections of earlier batches that share the prototypes with the batch; 0: none")
    projection_dim: int = option(128, "width of the projection")
    hidden_dim: int = option(2048, "width of the projector's hidden layer")

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive(self, "prototypes", "temperature", "entropy", "projection_dim", "hidden_dim")
        if self.queue_size < 0:
            raise ValueError(f"queue_size must be at least 0, not {self.queue_size}")


@dataclass(frozen=True)
class DINOConfig(MultiCropConfig):
    """Options of DINO."""

    small_area: tuple[float, float] = option((0.05, 0.4), "least and greatest share of the picture in a small crop")
    prototypes: int = option(4096, "outputs that the networks choose among; the paper has 65,536")
    student_temperature: float = option(0.1, "softmax temperature of the network that learns")
    teacher_temperature: float = option(0.04, "softmax temperature of its teacher")
    center_momentum: float = option(0.9, "share of the centre that a step keeps")
    momentum: float = option(0.996, "share of the teacher that the first step keeps; rises to 1 along a cosine")
    hidden_dim: int = option(2048, "width of the head's two hidden layers")
    bottleneck_dim: int = option(256, "width of what is compared with the prototypes")
    batch_norm: bool = option(False, "batch norm in the head; steadier for small networks that have it themselves")

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = ("prototypes", "student_temperature", "teacher_temperature", "hidden_dim", "bottleneck_dim")
        _positive(self, *positive)
        for name in ("center_momentum", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {getattr(self, name)}")


def _positive(config: object, *names: str) -> None:
    """Raises ValueError for an option that is not."""
    for name in names:
        if getattr(config, name) <= 0:
            raise ValueError(f"{name} must be positive, not {getattr(config, name)}")


@hookimpl
def register_methods(register: Register) -> None:
    register(
        "byol",
        "harness_joint.byol:BYOL",
        BYOLConfig,
        summary="Predicts the other view's projection by a momentum copy of the encoder, without negatives",
        family="self-distillation",
        paper="Grill et al. 2020, arXiv:2006.07733",
        budget=ADAM,
        published=published.BYOL,
    )
    register(
        "barlow_twins",
        "harness_joint.barlow:BarlowTwins",
        BarlowTwinsConfig,
        summary="Brings the cross-correlation matrix of the projections of two views close to the identity",
        family="redundancy reduction",
        paper="Zbontar et al. 2021, arXiv:2103.03230",
        budget=ADAM,
        published=published.BARLOW_TWINS,
    )
    register(
        "vicreg",
        "harness_joint.vicreg:VICReg",
        VICRegConfig,
        summary="Minimises the distance of views, keeps the variance of dimensions and decorrelates them",
        family="redundancy reduction",
        paper="Bardes et al. 2022, arXiv:2105.04906",
        budget=ADAM,
        published=published.VICREG,
    )
    register(
        "nnclr",
        "harness_joint.nnclr:NNCLR",
        NNCLRConfig,
        summary="Contrasts views with the nearest neighbours of the other views among earlier projections",
        family="contrastive",
        paper="Dwibedi et al. 2021, arXiv:2104.14548",
        budget=ADAM,
        published=published.NNCLR,
    )
    register(
        "dcl",
        "harness_joint.dcl:DCL",
        DCLConfig,
        summary="SimCLR without the positive in the denominator",
        family="contrastive",
        paper="Yeh et al. 2022, arXiv:2110.06848",
        budget=SGD,
        published=published.DCL,
    )
    register(
        "dclw",
        "harness_joint.dcl:DCLW",
        DCLWConfig,
        summary="DCL with larger weights for dissimilar positives",
        family="contrastive",
        paper="Yeh et al. 2022, arXiv:2110.06848",
        budget=SGD,
        published=published.DCLW,
    )
    register(
        "supcon",
        "harness_joint.supcon:SupCon",
        SupConConfig,
        summary="SimCLR that learns from labels: all views of a class are positives",
        family="contrastive",
        paper="Khosla et al. 2020, arXiv:2004.11362",
        budget=SGD,
        published=published.SUPCON,
    )
    register(
        "lejepa",
        "harness_joint.lejepa:LeJEPA",
        LeJEPAConfig,
        summary="Predicts the mean of an image's views; regularises projections towards an isotropic Gaussian",
        family="redundancy reduction",
        paper="Balestriero and LeCun 2025, arXiv:2511.08544",
        budget={"optimizer": "adamw", "lr": 2e-3, "weight_decay": 5e-4, "schedule": "cosine", "warmup": 0.05},
    )
    register(
        "swav",
        "harness_joint.swav:SwAV",
        SwAVConfig,
        summary="Predicts another crop's prototype; assignments use all prototypes equally",
        family="clustering",
        paper="Caron et al. 2020, arXiv:2006.09882",
        budget={**ADAM, "lr": 3e-3},
        published=published.SWAV,
    )
    register(
        "dino",
        "harness_joint.dino:DINO",
        DINOConfig,
        summary="Predicts the softmax output of a momentum copy (teacher) for another crop of the image",
        family="self-distillation",
        paper="Caron et al. 2021, arXiv:2104.14294",
        budget={**ADAM, "optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.04, "clip": 3.0},
        published=published.DINO,
    )
