"""Object detection as transfer: average precision of a detector that is fine-tuned on a copy of an encoder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch

from harness import Data, Evaluator, Images, Method, Metric, Series, Trained, UsageError
from harness_detection import DetectionConfig
from harness_detection.boxes import require_boxes
from harness_detection.fitting import build, find, fit, truth
from harness_detection.network import Body
from harness_detection.precision import Floats, Found, Precision, Truth, coco, voc07
from harness_detection.shown import shown

METRICS: dict[str, Precision] = {"coco": coco, "voc07": voc07}
GROUPS = 20  # of pictures, each left out once for the intervals


class Detection(Evaluator):
    """A detector learns from the boxes of one split, and finds objects in another (He et al. 2020, section 4.2)."""

    config: DetectionConfig
    fits_samples: ClassVar[bool] = False  # pictures keep their size, and boxes are in their pixels

    def check(self, method: Method, data: Data) -> None:
        config = self.config
        if not isinstance(data.modality, Images):
            raise UsageError(f"objects are detected in images, and these are {data.modality.name}.")
        for name in (config.reference, config.test):
            require_boxes(data.split(name), name)
        if data.split(config.reference).classes != data.split(config.test).classes:
            raise UsageError(f"'{config.reference}' and '{config.test}' do not hold the same classes.")
        with torch.random.fork_rng(devices_of(data)):
            build(method, data, config)

    def evaluate(self, trained: Trained) -> dict[str, Metric]:
        config, data = self.config, trained.data
        test = data.split(config.test)
        with torch.random.fork_rng(devices_of(data)):
            torch.manual_seed(config.seed)
            detector = build(trained.method, data, config)
        real = truth(test)

        def score() -> float:
            return _mean(METRICS[config.metric](real, find(detector, data, test), len(test.classes)))

        along = fit(trained, detector, config, score)
        found = find(detector, data, test)
        metrics = scores(real, found, test.classes, config, protocol(detector, config))
        return {
            **metrics,
            "ap": replace(metrics["ap"], series=series({**along, config.steps: metrics["ap"].value})),
            "ap50": replace(metrics["ap50"], pictures=shown(test, real, found)),
        }


def series(along: Mapping[int, float]) -> Series:
    """Scores by the number of steps."""
    return Series("steps of fine-tuning", np.array([*along], np.float32), np.array([[*along.values()]], np.float32))


def protocol(detector: torch.nn.Module, config: DetectionConfig) -> str:
    """What an average precision can only be compared with the same of."""
    body: Body = detector.backbone  # type: ignore[assignment]
    learning = "frozen backbone" if body.frozen else "fine-tuned"
    norms = ", norms measured on its pictures" if body.norms_stand else ""
    rule = {"coco": "COCO's 101 recalls", "voc07": "VOC 2007's 11 recalls"}[config.metric]
    return f"{detector.title} on centred cells of stride {body.stride}, {learning}{norms}, {config.steps} steps, {rule}"


def scores(
    real: list[Truth], found: list[Found], classes: tuple[str, ...], config: DetectionConfig, said: str
) -> dict[str, Metric]:
    """`ap` (over IoU of .5 to .95), `ap50` and `ap75`, with the jackknife's interval over groups of pictures."""
    precision = METRICS[config.metric]

    def tabled(kept: list[int]) -> Floats:
        return precision([real[number] for number in kept], [found[number] for number in kept], len(classes))

    number = len(real)
    groups = min(GROUPS, number)
    whole = tabled(list(range(number)))
    if np.isnan(whole).all():
        raise UsageError("no object of the test split counts: average precision has no value.")
    without = [tabled([each for each in range(number) if each % groups != group]) for group in range(groups)]
    rows = {"ap": slice(None), "ap50": slice(0, 1), "ap75": slice(5, 6)}
    return {
        name: Metric.jackknife(
            _mean(whole[row]),
            torch.tensor([_mean(each[row]) for each in without]),
            "group",
            shown="percent",
            protocol=said,
            details=_by_class(whole[row], classes) if name == "ap" else {},
        )
        for name, row in rows.items()
    }


def _mean(precision: Floats) -> float:
    """Over thresholds and those classes of which there are objects."""
    return float(np.nanmean(precision))


def _by_class(precision: Floats, classes: tuple[str, ...]) -> dict[str, str | float | bool]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class without objects has no mean
        means = np.nanmean(precision, axis=0)
    return {
        f"of {name}": round(100 * float(mean), 1)
        for name, mean in zip(classes, means, strict=True)
        if not np.isnan(mean)
    }


def devices_of(data: Data) -> list[torch.device]:
    """Those whose generators are used beside the CPU's."""
    return [data.device] if data.device.type == "cuda" else []
