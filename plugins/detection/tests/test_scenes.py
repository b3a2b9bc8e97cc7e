"""The scenes: their boxes fit their letters, splits share nothing, and columns keep what they are given."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from harness_detection import GlyphScenesConfig, scenes
from harness_detection.boxes import Objects, anchors, columns, objects, require_boxes
from harness_detection.scenes import INK, SIDE, letter, split
from torch import Tensor

from harness import Split, UsageError
from harness.testing import check_dataset


def test_glyph_scenes_conform() -> None:
    check_dataset("glyph_scenes", train=20, test=12)


def drawings() -> list[np.ndarray]:
    """Squares and bars, in place of letters."""
    shapes = np.zeros((2, 3, 28, 28), np.uint8)
    shapes[0, :, 8:20, 8:20] = 255
    shapes[1, :, 4:24, 11:16] = 255
    return list(shapes)


def test_a_box_holds_its_letter_and_no_more() -> None:
    """The ink of a letter reaches each edge of what is pasted, and boxes have the sizes of that."""
    ink = letter(drawings()[1], np.random.default_rng(0)) > INK
    assert ink[0].any()
    assert ink[-1].any()
    assert ink[:, 0].any()
    assert ink[:, -1].any()
    made = split(drawings(), ("square", "bar"), 40, (0, 0))
    for number in range(len(made)):
        found = objects(made, number)
        width, height = (found.boxes[:, 2:] - found.boxes[:, :2]).unbind(1)
        assert (found.boxes >= 0).all()
        assert (found.boxes <= SIDE).all()
        assert (height > torch.where(found.labels == 1, 2.5, 0.8) * width).all()
        assert (height < torch.where(found.labels == 1, 6, 1.25) * width).all()
        for left, upper, right, lower in found.boxes.int().tolist():  # as bright inside as letters are
            inside = cast(Tensor, made.samples)[number, 0, upper:lower, left:right].float()
            assert inside.mean() > 120


def test_scenes_have_one_to_five_letters_that_do_not_meet() -> None:
    made = split(drawings(), ("square", "bar"), 60, (0, 0))
    counts = [len(objects(made, number).labels) for number in range(60)]
    assert set(counts) == {1, 2, 3, 4, 5}
    for number in range(60):
        boxes = objects(made, number).boxes
        covered = torch.zeros(SIDE, SIDE)
        for left, upper, right, lower in boxes.int().tolist():
            covered[upper:lower, left:right] += 1
        assert covered.max() == 1


def test_splits_share_no_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight classes that `glyphs` holds back, with twenty drawings each, six are taken."""
    codes = torch.arange(160, dtype=torch.uint8)[:, None, None, None].expand(160, 1, 28, 28)
    novel = Split(codes, torch.arange(8).repeat_interleave(20), tuple("abcdefgh"))
    given: list[list[np.ndarray]] = []

    def recorded(drawings: list[np.ndarray], names: tuple[str, ...], *_: object) -> Split:
        given.append(drawings)
        return Split(torch.zeros(1, 1, 4, 4, dtype=torch.uint8), None, names)

    monkeypatch.setattr(scenes.Glyphs, "load", lambda _: {"novel": novel})
    monkeypatch.setattr(scenes, "split", recorded)
    made = scenes.GlyphScenes(GlyphScenesConfig(), tmp_path).load()
    assert len(set(made["train"].classes)) == 6
    assert made["train"].classes == made["test"].classes
    for name, learned, scored in zip(made["train"].classes, *given, strict=True):
        seen = [set(each[:, 0, 0].tolist()) for each in (learned, scored)]
        assert [len(each) for each in seen] == [14, 6]
        assert seen[0] | seen[1] == set(range(20 * ord(name) - 20 * ord("a"), 20 * ord(name) - 20 * ord("a") + 20))


def some() -> list[Objects]:
    one = Objects(torch.tensor([[0.0, 1, 5, 9], [2, 2, 4, 8]]), torch.tensor([1, 0]), torch.tensor([False, True]))
    none = Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.bool))
    return [one, none]


def boxed(names: tuple[str, ...] = ("a", "b")) -> Split:
    return Split(torch.zeros(2, 1, 16, 16, dtype=torch.uint8), None, names, columns(some()))


def test_columns_give_back_what_they_were_made_of() -> None:
    for given, found in zip(some(), (objects(boxed(), number) for number in range(2)), strict=True):
        assert all(torch.equal(*pair) for pair in zip(given, found, strict=True))
    assert torch.equal(objects(boxed().share(1.0), 1).boxes, torch.zeros(0, 4))


def test_a_box_without_area_is_refused() -> None:
    flat = Objects(torch.tensor([[3.0, 3, 3, 5]]), torch.tensor([0]), torch.tensor([False]))
    with pytest.raises(UsageError, match=r"picture 1 has a box without area: \[3.0, 3.0, 3.0, 5.0\]"):
        columns([some()[0], flat])


def test_a_split_without_boxes_or_classes_is_refused() -> None:
    require_boxes(boxed(), "train")
    with pytest.raises(UsageError, match="labels are none of its classes"):
        require_boxes(boxed(("a",)), "train")
    with pytest.raises(UsageError, match=r"no column 'boxes'.*data: glyph_scenes"):
        require_boxes(Split(torch.zeros(2, 1, 4, 4, dtype=torch.uint8)), "train")


def test_anchors_are_the_middles_of_three_parts_of_the_boxes() -> None:
    sizes = torch.tensor([2.0, 4, 6, 8, 10, 12, 14])
    squares = [
        Objects(torch.tensor([[1.0, 1, 1 + side, 1 + side]]), torch.tensor([0]), torch.tensor([False]))
        for side in sizes.tolist()
    ]
    found = Split(torch.zeros(7, 1, 16, 16, dtype=torch.uint8), None, ("a",), columns(squares))
    assert anchors(found) == (pytest.approx((4, 8, 12)), (1, 1, 1))
