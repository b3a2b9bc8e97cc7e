"""The evaluator: it learns, does what its options say, and leaves alone what is not its own."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from harness_backbones import Conv4Config
from harness_backbones.conv4 import Conv4
from harness_detection import DetectionConfig, evaluator
from harness_detection.boxes import Objects, columns
from harness_detection.evaluator import Detection, scores
from harness_detection.fitting import Pictures, build, find, fit, in_own_size, inputs, mirrored, targets
from harness_detection.network import Anchors, AsTheyAre, Body, Regions, chosen
from harness_detection.precision import Found, Truth
from harness_detection.shown import shown
from harness_moco.momentum import SplitNorm, split_norms
from torch import nn
from torchvision.models.detection.image_list import ImageList
from torchvision.ops.misc import FrozenBatchNorm2d

from harness import (
    Data,
    Images,
    ImageShape,
    Method,
    NoOptions,
    Source,
    Split,
    StreamedImages,
    Trained,
    UsageError,
    unwrapped,
)

from .squares import SIDE, config, method, squares_data


@pytest.fixture(scope="module")
def data() -> Data:
    return squares_data()


def test_the_encoder_and_the_global_generator_stay_as_they_are(data: Data) -> None:
    encoder = method(data)
    before = copy.deepcopy(encoder.state_dict())
    modes = [module.training for module in encoder.modules()]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Detection(config()).check(encoder, data)
    Detection(config()).evaluate(Trained(encoder, data))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(before[name], now) for name, now in encoder.state_dict().items())
    assert modes == [module.training for module in encoder.modules()]
    assert all(weight.requires_grad and weight.grad is None for weight in encoder.parameters())


def test_what_is_found_depends_on_the_seed_of_the_evaluator_alone(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision draws the regions that it learns from by the global generator."""
    monkeypatch.setattr(evaluator, "find", lambda *given: kept.append(find(*given)) or kept[-1])
    encoder = method(data)
    kept: list[list[Found]] = []

    def found(seed: int, outside: int) -> list[Any]:
        torch.manual_seed(outside)
        Detection(config(steps=4, lr=3e-3, seed=seed)).evaluate(Trained(encoder, data))
        return [each.scores.tolist() for each in kept[-1]]

    assert found(0, 1) == found(0, 2)
    assert found(0, 1) != found(1, 1)


def test_pictures_are_neither_resized_nor_normalised_again(data: Data) -> None:
    """By torchvision, whose default is ImageNet's moments and 800 pixels; nor to the encoder's 28 pixels."""
    detector = build(method(data), data, config())
    seen: list[torch.Tensor] = []
    detector.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    split = data.split("test")
    find(detector, data, split)
    assert isinstance(detector.transform, AsTheyAre)
    expected = cast(Images, data.modality).inputs(cast(torch.Tensor, split.samples))
    torch.testing.assert_close(torch.cat(seen), expected)


def test_pictures_of_other_data_have_their_own_size_and_the_encoders_channels(data: Data) -> None:
    fitted = cast(Images, data.modality)
    of_28 = replace(fitted, shape=ImageShape(3, 28, 28), given=fitted.shape, foreign=True, mean=torch.full((3,), 0.5))
    of_28 = replace(of_28, std=torch.full((3,), 0.25))
    other = replace(data, modality=of_28)
    split = data.split("test")
    found = inputs(other, split, torch.arange(2))
    grey = (cast(torch.Tensor, split.samples)[:2].float() / 255 - 0.5) / 0.25
    assert in_own_size(other, split).shape == (3, SIDE, SIDE)
    torch.testing.assert_close(found, grey.expand(-1, 3, -1, -1))


def test_ignored_objects_are_no_targets() -> None:
    marked = Objects(torch.tensor([[0.0, 0, 4, 4], [5, 5, 9, 9]]), torch.tensor([0, 1]), torch.tensor([True, False]))
    split = Split(torch.zeros(1, 1, 16, 16, dtype=torch.uint8), None, ("a", "b"), columns([marked]))
    assert targets(split, torch.tensor([0]), 1)[0]["labels"].tolist() == [2]


def test_a_step_of_empty_pictures_can_be_learned_from(data: Data) -> None:
    empty = torch.arange(3, 32, 4)
    samples = cast(torch.Tensor, data.train.samples)[empty]
    rows = {name: column[empty] for name, column in data.train.columns.items()}
    few = replace(data, splits={**data.splits, "train": Split(samples, None, data.train.classes, rows)})
    detector = build(method(data), data, config())
    fit(Trained(method(few), few), detector, config(batch_size=4))
    assert all(weight.isfinite().all() for weight in detector.parameters())


def norms_of(detector: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in detector.backbone.modules() if isinstance(module, nn.BatchNorm2d)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("options", "learns", "norms"),
    [({}, True, True), ({"norm": "frozen"}, True, False), ({"freeze": "backbone"}, False, False)],
)
def test_what_learns_is_what_the_options_say(data: Data, options: Any, learns: bool, norms: bool) -> None:
    detector = build(method(data), data, config(**options))
    before = copy.deepcopy(detector.backbone.state_dict())
    fit(Trained(method(data), data), detector, config(**options))
    after = detector.backbone.state_dict()
    kernel, scale, mean = (f"network.layers.0.{name}" for name in ("0.weight", "1.weight", "1.running_mean"))
    assert (not torch.equal(before[kernel], after[kernel])) == learns
    assert (not torch.equal(before[scale], after[scale])) == norms
    assert not torch.equal(before[mean], after[mean])  # they learned, or were measured
    assert not any(isinstance(module, FrozenBatchNorm2d) for module in detector.modules())
    assert [norm.training for norm in norms_of(detector.train())] == [norms] * 4


def test_norms_that_stand_are_measured_on_training_pictures(data: Data) -> None:
    """All encoders alike: what a norm knew before does not count."""
    options = config(freeze="backbone", lr=1e-9)
    first, second = (build(method(data), data, options) for _ in range(2))
    with torch.no_grad():
        norms_of(second)[0].running_mean.fill_(9)  # type: ignore[union-attr]
    for detector in (first, second):
        fit(Trained(method(data), data), detector, options)
    body = cast(Any, first.backbone)
    maps = body.network.layers[0][0](inputs(data, data.train, torch.arange(32)))
    norm = norms_of(first)[0]
    torch.testing.assert_close(norm.running_mean, maps.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, maps.var((0, 2, 3)), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(norms_of(second)[0].running_mean, norm.running_mean)
    assert norm.momentum == 0.1


def test_split_norms_of_moco_are_taken_out_of_the_copy(data: Data) -> None:
    encoder = method(data)
    plain = [norm.momentum for norm in encoder.modules() if isinstance(norm, nn.BatchNorm2d)]
    split_norms(encoder.backbone, 4)
    body = Body(encoder, config())
    assert not any(isinstance(module, SplitNorm) for module in body.modules())
    assert [norm.momentum for norm in body.norms()] == pytest.approx(plain)
    assert sum(isinstance(module, SplitNorm) for module in encoder.modules()) == 4
    nested = nn.Sequential(nn.Sequential(SplitNorm(nn.BatchNorm2d(2), 2)))
    assert isinstance(cast(Any, unwrapped(nested))[0][0], nn.BatchNorm2d)


def test_the_map_is_the_coarsest_that_is_fine_enough(data: Data) -> None:
    backbone = method(data).backbone
    assert [chosen(backbone, stride) for stride in (2, 5, 8, 100)] == [(0, 2), (1, 4), (2, 8), (3, 16)]
    with pytest.raises(UsageError, match="finest map of the backbone has stride 2"):
        chosen(backbone, 1)
    with pytest.raises(UsageError, match=r"no `maps`.*conv4"):
        chosen(nn.Flatten(), 8)


def test_the_detector_sees_one_map_of_that_stride(data: Data) -> None:
    detector = build(method(data), data, config(stride=8))
    assert detector.backbone(torch.zeros(2, 1, SIDE, SIDE)).shape == (2, 16, 4, 4)
    said = evaluator.protocol(detector, config(stride=8))
    assert said == "Faster R-CNN on centred cells of stride 8, fine-tuned, 2 steps, COCO's 101 recalls"


def test_the_head_sees_the_region_itself() -> None:
    """A map whose places hold the mean position of their pixels: in a region its mean is the region's middle."""
    middles = torch.arange(12) * 8 + 4.0
    positions = torch.stack([middles.expand(12, 12), middles[:, None].expand(12, 12)])[None]
    boxes = torch.tensor([[20.0, 30, 34, 50], [8, 60, 88, 72]])
    seen = Regions(8)({"0": positions}, [boxes], None)
    torch.testing.assert_close(seen.mean((2, 3)), torch.tensor([[27.0, 40], [48, 66]]))


def test_anchors_lie_as_far_from_each_border() -> None:
    """Their middles are those of the places of a map of 4 x 6 places, 8 pixels each."""
    images = ImageList(torch.zeros(1, 1, 32, 48), [(32, 48)])
    [boxes] = Anchors(((16.0,),), ((1.0,),))(images, [torch.zeros(1, 2, 4, 6)])
    middles = ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist()
    assert middles == [[8 * column + 4.0, 8 * row + 4.0] for row in range(4) for column in range(6)]


def test_what_cannot_be_scored_is_refused_before_anything_trains(data: Data) -> None:
    plain = Split(data.train.samples)
    with pytest.raises(UsageError, match="'train' has no column 'boxes'"):
        Detection(config()).check(method(data), replace(data, splits={**data.splits, "train": plain}))
    other = Split(data.train.samples, None, ("dark", "bright"), data.train.columns)
    with pytest.raises(UsageError, match="do not hold the same classes"):
        Detection(config()).check(method(data), replace(data, splits={**data.splits, "train": other}))

    class OneSize(Conv4):
        def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
            raise AssertionError(f"Input height ({images.shape[2]}) doesn't match model (28).")

    fixed = Method(OneSize(Conv4Config(width=4), ImageShape(1, 28, 28)), NoOptions(), data)
    with pytest.raises(UsageError, match=r"no maps of pictures of 32x32: Input height"):
        Detection(config()).check(fixed, data)


def test_a_loss_that_is_not_finite_ends_it(data: Data) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is (nan|inf)|not finite"):
        Detection(config(steps=30, lr=1e30, optimizer="sgd")).evaluate(Trained(method(data), data))


@pytest.mark.parametrize(
    "option", [{"steps": 0}, {"lr": 0.0}, {"weight_decay": -1.0}, {"proposals": 0}, {"batch_size": 1}, {"flip": 2.0}]
)
def test_options_out_of_range_are_refused(option: Any) -> None:
    with pytest.raises(ValueError, match=r"must (not )?be"):
        DetectionConfig(**option)


def test_metrics_are_means_over_thresholds_and_classes_with_objects() -> None:
    """One of two objects of class 0 is found in each of 40 pictures, with an overlap of .7; none of class 1."""
    generator = np.random.default_rng(0)
    box, other = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]]), np.array([[0.0, 0, 10, 7]])
    real = [Truth(box, np.zeros(2, int), np.zeros(2, bool)) for _ in range(40)]
    found = [Found(other, np.zeros(1, int), generator.random(1)) for _ in range(40)]
    made = scores(real, found, ("a", "b"), config(metric="voc07"), "as said")
    assert made["ap50"].value == pytest.approx(6 / 11)
    assert made["ap75"].value == 0
    assert made["ap"].value == pytest.approx(6 / 11 * 4 / 10)  # found above .5, .55, .6 and .65
    assert made["ap"].details == {"of a": pytest.approx(21.8)}
    assert made["ap50"].half_width < 0.02
    assert {each.protocol for each in made.values()} == {"as said"}
    with pytest.raises(UsageError, match="no object of the test split counts"):
        scores([Truth(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, bool))], found[:1], ("a",), config(), "")


def test_the_interval_is_about_as_wide_as_that_of_other_samples_of_pictures() -> None:
    """Each picture has one object, found or not with even odds: the standard error over samples of 40 pictures."""

    def sample(seed: int) -> Any:
        generator = np.random.default_rng(seed)
        box = np.array([[0.0, 0, 10, 10]])
        real = [Truth(box, np.zeros(1, int), np.zeros(1, bool))] * 40
        hits = generator.random(40) < 0.5
        found = [Found(box + (0 if hit else 50), np.zeros(1, int), generator.random(1)) for hit in hits]
        return scores(real, found, ("a",), config(metric="voc07"), "")["ap50"]

    made = [sample(seed) for seed in range(12)]
    spread = float(np.std([each.value for each in made], ddof=1))
    mean = float(np.mean([each.half_width for each in made])) / 1.96
    assert 0.5 < mean / spread < 2


def test_the_report_shows_pictures_with_what_there_is_and_what_was_found(data: Data) -> None:
    """Not what is ignored, nor what the detector is unsure of; each box with the number of its picture."""
    test = data.split("test")
    box = np.array([[1.0, 2, 11, 12], [3, 4, 13, 14]])
    real = [Truth(box, np.zeros(2, int), np.array([False, place == 0])) for place in range(len(test))]
    found = [Found(box, np.zeros(2, int), np.array([0.9, 0.8 if place == 1 else 0.1])) for place in range(len(test))]
    made = shown(test, real, found)
    assert made is not None
    np.testing.assert_array_equal(made.pixels, cast(torch.Tensor, test.samples)[:8].numpy())
    assert made.boxes["truth"][:3].tolist() == [[0, *box[0]], [1, *box[0]], [1, *box[1]]]
    assert made.boxes["found"][:4].tolist() == [[0, *box[0]], [1, *box[0]], [1, *box[1]], [2, *box[0]]]
    assert len(made.boxes["truth"]) == 15
    assert len(made.boxes["found"]) == 9
    none = [Found(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))] * len(test)
    assert cast(Any, shown(test, real, none)).boxes["found"].shape == (0, 5)
    others = Split(torch.zeros(len(test), 2, 8, 8, dtype=torch.uint8))
    assert shown(others, real, none) is None


def test_ignored_objects_are_learned_if_the_option_says_so() -> None:
    marked = Objects(torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([0]), torch.tensor([True]))
    split = Split(torch.zeros(1, 1, 16, 16, dtype=torch.uint8), None, ("a",), columns([marked]))
    assert targets(split, torch.tensor([0]), 1, True)[0]["labels"].tolist() == [1]


def test_streamed_pictures_are_learned_from_as_those_in_memory(data: Data) -> None:
    def streamed(split: Split) -> Split:
        pictures = cast(torch.Tensor, split.samples).permute(0, 2, 3, 1).numpy()
        return split.with_samples(StreamedImages(lambda place: pictures[place], tuple(cast(Any, split.samples).shape)))

    apart = replace(data, splits={name: streamed(split) for name, split in data.splits.items()})
    first, second = (Detection(config(steps=3)).evaluate(Trained(method(each), each)) for each in (data, apart))
    assert first["ap50"].units.tolist() == second["ap50"].units.tolist()


def test_a_mirrored_picture_has_its_box_around_the_same_pixels() -> None:
    pictures = torch.zeros(2, 1, 8, 10)
    pictures[:, :, 2:5, 1:4] = 1
    boxes = [{"boxes": torch.tensor([[1.0, 2, 4, 5]]), "labels": torch.tensor([1])} for _ in range(2)]
    turned, found = mirrored(pictures, boxes, torch.tensor([False, True]))
    assert found[0]["boxes"].tolist() == [[1, 2, 4, 5]]
    [[left, upper, right, lower]] = found[1]["boxes"].int().tolist()
    for place, edges in ((0, (1, 2, 4, 5)), (1, (left, upper, right, lower))):
        inside = turned[place, 0, edges[1] : edges[3], edges[0] : edges[2]]
        assert inside.shape == (3, 3)
        assert inside.sum() == turned[place].sum() == 9


def test_so_many_pictures_are_mirrored_as_the_option_says(data: Data) -> None:
    """The same ones each time, and others in the next step."""
    source = Source(data, 8, 0)
    plain = [Pictures(config()).draw(source, step)[0] for step in range(12)]
    drawn = [Pictures(config(flip=0.5)).draw(source, step)[0] for step in range(12)]
    again = [Pictures(config(flip=0.5)).draw(source, step)[0] for step in range(12)]
    turned = torch.stack([(one != other).flatten(1).any(1) for one, other in zip(plain, drawn, strict=True)])
    assert 0.3 < turned.float().mean() < 0.7
    assert len({tuple(row) for row in turned.tolist()}) > 6
    assert all(torch.equal(*pair) for pair in zip(drawn, again, strict=True))
