"""Average precision: COCO's against pycocotools, VOC 2007's by hand and against its own rule written out."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from harness_detection.precision import THRESHOLDS, Found, Truth, coco, overlap, voc07

CLASSES = 4
CASES = 200


def boxes(generator: np.random.Generator, number: int) -> Any:
    corner = generator.uniform(0, 60, (number, 2))
    return np.concatenate([corner, corner + generator.uniform(2, 40, (number, 2))], 1)


def case(seed: int) -> tuple[list[Truth], list[Found]]:
    """Pictures with up to five objects and up to eight detections, most of them near an object; some objects are
    ignored, some pictures are empty, and the last class is rare."""
    generator = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(generator.integers(1, 6)):
        real = boxes(generator, int(generator.integers(0, 6)))
        labels = generator.choice(CLASSES, len(real), p=[0.4, 0.3, 0.28, 0.02])
        truth.append(Truth(real, labels, generator.random(len(real)) < 0.2))
        count = int(generator.integers(0, 9))
        near = generator.integers(0, len(real), count) if len(real) else np.zeros(0, int)
        moved = real[near] + generator.normal(0, 2, (len(near), 4))
        keep = (moved[:, 2:] > moved[:, :2]).all(1)
        others = boxes(generator, int(generator.integers(0, 3)))
        guessed = np.concatenate([labels[near][keep], generator.integers(0, CLASSES, len(others))])
        wrong = generator.random(len(guessed)) < 0.2
        guessed[wrong] = generator.integers(0, CLASSES, int(wrong.sum()))
        scores = generator.permutation(1000)[: len(guessed)] / 1000  # no ties, whose order is not defined
        found.append(Found(np.concatenate([moved[keep], others]), guessed, scores))
    return truth, found


def by_pycocotools(truth: list[Truth], found: list[Found]) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def annotation(picture: int, box: Any, label: int) -> dict[str, Any]:
        left, upper, right, lower = (float(each) for each in box)
        bbox = [left, upper, right - left, lower - upper]
        return {"image_id": picture + 1, "category_id": int(label) + 1, "bbox": bbox, "area": bbox[2] * bbox[3]}

    shared = {
        "images": [{"id": number + 1} for number in range(len(truth))],
        "categories": [{"id": label + 1} for label in range(CLASSES)],
    }
    sides = []
    for pictures in (truth, found):
        annotations = [
            {**annotation(number, box, label), **({"iscrowd": int(last)} if pictures is truth else {"score": last})}
            for number, each in enumerate(pictures)
            for box, label, last in zip(*each, strict=True)
        ]
        side = COCO()
        side.dataset = {**shared, "annotations": [{"id": i, "iscrowd": 0, **a} for i, a in enumerate(annotations, 1)]}
        side.createIndex()
        sides.append(side)
    scored = COCOeval(*sides, "bbox")
    scored.params.areaRng, scored.params.areaRngLbl = scored.params.areaRng[:1], ["all"]
    scored.evaluate()
    scored.accumulate()
    precision = scored.eval["precision"][:, :, :, 0, 2]
    return np.where(precision[:, 0] < 0, np.nan, precision.mean(1))


def test_coco_is_what_pycocotools_says_in_200_random_cases() -> None:
    compared = 0
    for seed in range(CASES):
        truth, found = case(seed)
        with contextlib.redirect_stdout(io.StringIO()):
            expected = by_pycocotools(truth, found)
        np.testing.assert_allclose(coco(truth, found, CLASSES), expected, rtol=0, atol=1e-6, err_msg=f"case {seed}")
        compared += int(np.isfinite(expected).sum())
    assert compared > CASES  # that not all are without objects


def picture(real: list[Any], found: list[Any], ignored: list[bool] | None = None) -> tuple[list[Truth], list[Found]]:
    """One picture with objects of one class, and detections (box, score)."""
    truth = Truth(
        np.array(real, float).reshape(-1, 4), np.zeros(len(real), int), np.array(ignored or [False] * len(real), bool)
    )
    seen = np.array([box for box, _ in found], float).reshape(-1, 4)
    return [truth], [Found(seen, np.zeros(len(found), int), np.array([score for _, score in found], float))]


A, B, FAR = (0, 0, 10, 10), (20, 20, 30, 30), (50, 50, 60, 60)


@pytest.mark.parametrize(
    ("real", "found", "ignored", "expected"),
    [
        ([A, B], [(A, 0.9), (B, 0.8)], None, 1.0),
        ([A, B], [(A, 0.9)], None, 6 / 11),  # precision 1 at recalls 0 to .5
        ([A, B], [(FAR, 0.9), (A, 0.8)], None, 6 / 11 * 1 / 2),  # wrong one first: precision 1/2 up to .5
        ([A, B], [(A, 0.9), (FAR, 0.8), (B, 0.7)], None, (6 * 1 + 5 * 2 / 3) / 11),
        ([A], [(A, 0.9), (A, 0.8)], None, 1.0),  # found twice: the second is wrong, but comes after all recalls
        ([A, B], [(A, 0.9), (A, 0.8), (B, 0.7)], None, (6 * 1 + 5 * 2 / 3) / 11),
        ([A, B], [(B, 0.9), (A, 0.8)], [False, True], 1.0),  # B counts for nothing
        ([A], [], None, 0.0),
    ],
)
def test_voc_has_the_greatest_precision_at_eleven_recalls(
    real: list[Any], found: list[Any], ignored: list[bool] | None, expected: float
) -> None:
    assert voc07(*picture(real, found, ignored), 1)[0, 0] == pytest.approx(expected)


def test_in_voc_a_detection_belongs_to_the_object_it_overlaps_most_though_that_is_found() -> None:
    """COCO gives it to the other object, which is still free, and so finds both."""
    near = (0, 0, 10, 12)  # overlaps A by 10/12 and the second object by 100 / 140
    second = (0, 0, 10, 14)
    truth, found = picture([(0, 0, 10, 10), second], [((0, 0, 10, 10), 0.9), ((0, 0, 10, 11), 0.8)])
    assert overlap(np.array([near], float), np.array([(0, 0, 10, 10), second], float)).round(4).tolist() == [
        [0.8333, 0.8571]
    ]
    assert voc07(truth, found, 1)[0, 0] == pytest.approx(6 / 11)
    assert coco(truth, found, 1)[0, 0] == pytest.approx(1.0)


def test_one_pixel_more_of_a_side_as_voc_counts_it_is_in_our_edges() -> None:
    """VOC's edges are pixels from 1, the last inside, and its widths `right - left + 1`. With 1 taken from left and
    upper alone, plain widths are the same."""
    generator = np.random.default_rng(0)
    corner = generator.integers(1, 50, (2, 6, 2))
    voc = np.concatenate([corner, corner + generator.integers(1, 30, (2, 6, 2))], 2)

    def inclusive(one: Any, other: Any) -> float:
        width = max(0, min(one[2], other[2]) - max(one[0], other[0]) + 1)
        height = max(0, min(one[3], other[3]) - max(one[1], other[1]) + 1)
        areas = [(each[2] - each[0] + 1) * (each[3] - each[1] + 1) for each in (one, other)]
        return float(width * height / (sum(areas) - width * height))

    ours = voc - np.array([1, 1, 0, 0])
    expected = [[inclusive(one, other) for other in voc[1]] for one in voc[0]]
    np.testing.assert_allclose(overlap(ours[0].astype(float), ours[1].astype(float)), expected)


def test_an_object_is_found_in_voc_only_above_a_threshold_and_in_coco_from_it_on() -> None:
    half = picture([(0, 0, 10, 10)], [((0, 0, 10, 5), 0.9)])  # overlaps by half exactly
    assert voc07(*half, 1)[0, 0] == 0
    assert coco(*half, 1)[0, 0] == pytest.approx(1)


@pytest.mark.parametrize("rule", [coco, voc07])
def test_a_class_without_objects_has_no_precision(rule: Any) -> None:
    precision = rule(*picture([A], [(A, 0.9)]), 2)
    assert precision.shape == (len(THRESHOLDS), 2)
    assert precision[:, 0] == pytest.approx(1)
    assert np.isnan(precision[:, 1]).all()


@pytest.mark.parametrize("rule", [coco, voc07])
def test_pictures_without_objects_cost_precision_where_something_is_found(rule: Any) -> None:
    truth, found = picture([A], [(A, 0.5)])
    none, wrong = picture([], [(FAR, 0.9)])
    assert rule(truth + none, found + wrong, 1)[0, 0] == pytest.approx(0.5)
    assert rule(truth + none, found + picture([], [])[1], 1)[0, 0] == pytest.approx(1)
