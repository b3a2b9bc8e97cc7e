"""Each detector learns, names what it finds by our labels, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from harness_detection.evaluator import Detection
from harness_detection.fitting import build, find, fit, targets
from harness_detection.network import DETECTORS, AsTheyAre

from harness import Data, Trained, UsageError
from harness.base.stop_signal import Interrupted
from harness.learning.checkpoint import checkpoint_seconds, checkpoint_step

from .squares import config, method, squares_data


@pytest.fixture(scope="module")
def data() -> Data:
    return squares_data()


@pytest.mark.parametrize(("detector", "rate"), [("fasterrcnn", 3e-3), ("retinanet", 3e-3), ("fcos", 3e-3)])
def test_it_learns_to_find_and_to_name_squares(data: Data, detector: str, rate: float) -> None:
    """More than the same training at a rate near zero gives; on the way, less than in the end."""
    learned, still = (
        Detection(config(detector=detector, steps=60, lr=lr)).evaluate(Trained(method(data, 32), data))
        for lr in (rate, 1e-6 * rate)
    )
    assert learned["ap50"].value > still["ap50"].value + 0.3
    along = learned["ap"].series
    assert along is not None
    assert along.places.tolist() == [15, 30, 45, 60]
    assert along.values.shape == (1, 4)
    assert along.values[0, 0] < along.values[0, -1] == np.float32(learned["ap"].value)


@pytest.mark.parametrize(("name", "first"), [("fasterrcnn", 1), ("retinanet", 0), ("fcos", 0)])
def test_labels_begin_as_each_detector_takes_them_and_at_0_for_us(data: Data, name: str, first: int) -> None:
    split = data.train
    own = split.column("box_labels")[0]
    given = targets(split, torch.tensor([0, 3]), DETECTORS[name].first_label)
    assert given[0]["labels"].tolist() == (own[own >= 0] + first).tolist()
    assert (given[1]["boxes"].shape, given[1]["labels"].shape) == ((0, 4), (0,))
    detector = build(method(data, 32), data, config(detector=name))
    outputs = detector.roi_heads.box_predictor.cls_score if first else detector.head.classification_head.cls_logits
    assert outputs.weight.shape[0] == (3 if first else 2 * detector.anchor_generator.num_anchors_per_location()[0])
    detector.forward = lambda images: (
        [  # type: ignore[method-assign]
            {"boxes": torch.ones(1, 4), "labels": torch.tensor([1 + first]), "scores": torch.tensor([0.5])}
        ]
        * len(images)
    )
    assert find(detector, data, split)[0].labels.tolist() == [1]


@pytest.mark.parametrize("name", ["retinanet", "fcos"])
def test_pictures_reach_the_map_as_they_are_and_boxes_are_in_their_pixels(data: Data, name: str) -> None:
    """A head that is sure of one place alone, and says that the object is as its anchor, finds that anchor."""
    detector = build(method(data, 32), data, config(detector=name)).eval()
    assert isinstance(detector.transform, AsTheyAre)
    places = 8 * 8  # of 32 pixels at stride 4
    many = detector.anchor_generator.num_anchors_per_location()[0]
    logits = torch.full((1, places * many, 2), -20.0)
    logits[0, (3 * 8 + 5) * many, 1] = 20.0  # the first anchor of the place at row 3, column 5
    fixed = {"cls_logits": logits, "bbox_regression": torch.zeros(1, places * many, 4)}
    if name == "fcos":  # whose distances to the four edges are in units of the stride
        fixed = {**fixed, "bbox_regression": fixed["bbox_regression"] + 1, "bbox_ctrness": 20 + logits[..., :1] * 0}
    detector.head.forward = lambda _: fixed  # type: ignore[method-assign]
    with torch.no_grad():
        [found] = detector(torch.zeros(1, 1, 32, 32))
    assert found["labels"].tolist() == [1]
    [[left, upper, right, lower]] = found["boxes"].tolist()
    middle = (4 * 5.5, 4 * 3.5)
    assert ((left + right) / 2, (upper + lower) / 2) == pytest.approx(middle)
    if name == "fcos":
        assert (right - left, lower - upper) == (8, 8)


@pytest.mark.parametrize("name", ["retinanet", "fcos"])
def test_heads_with_group_norms_say_which_maps_they_take(data: Data, name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name} normalises .* 32 groups, and this map has 16: use 'detector: fast"):
        Detection(config(detector=name)).check(method(data, 16), data)


@pytest.mark.parametrize("name", [*DETECTORS])
def test_the_protocol_names_the_detector(data: Data, name: str) -> None:
    found = Detection(config(detector=name)).evaluate(Trained(method(data, 32), data))
    assert found["ap"].protocol.startswith(f"{DETECTORS[name].title} on centred cells of stride 4, fine-tuned, 2 steps")


def test_a_fine_tuning_that_is_stopped_goes_on_to_the_same_weights(data: Data, tmp_path: Path) -> None:
    """After the third of six steps, by a signal, as a job is stopped."""

    def detector() -> Any:
        torch.manual_seed(0)
        return build(method(data), data, options)

    def state(detector: Any) -> float:
        return float(sum(weight.double().sum() for weight in detector.state_dict().values()))

    options = config(steps=6, lr=3e-3)
    whole, stopped, resumed = detector(), detector(), detector()
    along = fit(Trained(method(data), data), whole, options, lambda: state(whole))
    assert [*along] == [1, 3, 4]  # the whole parts of a quarter, a half and three quarters
    trained = Trained(method(data), data, checkpoint=tmp_path / "checkpoint.pt")
    asked = [False, False, True]
    with mock.patch("harness.learning.training.stop_requested", side_effect=asked), pytest.raises(Interrupted):
        fit(trained, stopped, options, lambda: state(stopped))
    assert along[3] == state(stopped) != along[4]
    assert checkpoint_step(tmp_path / "checkpoint.pt") == 3
    assert checkpoint_seconds(tmp_path / "checkpoint.pt") > 0
    assert fit(trained, resumed, options, lambda: state(resumed)) == along
    states = [each.state_dict() for each in (whole, resumed, stopped)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])
