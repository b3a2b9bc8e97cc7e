"""What evaluators show beside a score: stored with the units, drawn in the report, and read with care."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness import Metric, Pictures, Series
from harness.base.atomic_files import npz
from harness.reporting.page import render
from harness.running.scoring import as_arrays, as_plain
from harness.store.records import CellRecord
from tests.records import evaluation, record

PLACES = np.array([1.0, 2.0, 4.0], np.float32)
VALUES = np.array([[0.9, 0.5, 0.25], [0.7, 0.5, 0.15]], np.float32)
PIXELS = np.arange(3 * 2 * 4 * 5, dtype=np.uint8).reshape(3, 2, 4, 5)[:, :1]
BOXES = np.array([[0, 1, 1, 3, 3], [2, 0, 0, 2, 4]], np.float32)


def shown() -> Metric:
    metric = Metric.mean(torch.tensor([0.25, 0.15]), "order", shown="percent")
    return replace(metric, series=Series("classes seen", PLACES, VALUES), pictures=Pictures(PIXELS, {"truth": BOXES}))


def scored(folder: Path, seed: int, arrays: dict[str, np.ndarray]) -> CellRecord:
    """A cell whose evaluator showed these arrays, in the folder's files."""
    told = {"e": evaluation("stream", {"accuracy": as_plain(shown(), "")})}
    cell = record("simclr", seed=seed, evaluations=told)
    path = folder / "cells" / cell.id / "evaluations" / "e.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(npz(arrays))
    return cell


def test_the_report_draws_the_means_of_a_series_and_the_very_pixels_of_pictures(tmp_path: Path) -> None:
    cells = [scored(tmp_path, seed, as_arrays({"accuracy": shown()})) for seed in (0, 1)]
    page = render(cells, tmp_path)
    assert "by classes seen: means over 2 seeds" in page
    assert "3 pictures" in page
    embedded = re.search(r'href="data:image/png;base64,([^"]+)"', page)
    assert embedded
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(embedded[1]))).convert("RGB"))
    assert sheet.shape == (4, 15, 3)
    assert (sheet[:, :5, 0] == PIXELS[0, 0]).all()
    assert (sheet[:, 10:, 2] == PIXELS[2, 0]).all()
    assert ">truth<" in page


def test_boxes_lie_where_their_pixels_are_drawn(tmp_path: Path) -> None:
    """The box is far to the right on the sheet, where a rounded scale of the pixels would be seen."""
    one = Pictures(np.zeros((8, 1, 40, 97), np.uint8), {"truth": np.array([[7, 60, 10, 90, 30]], np.float32)})
    page = render([scored(tmp_path, 0, as_arrays({"accuracy": replace(shown(), pictures=one)}))], tmp_path)
    [matrix] = re.findall(r'width="776" height="40" transform="matrix\(([^)]*)\)"', page)
    across, _, _, down, left, top = map(float, matrix.split())
    [(x0, y0, x1, y1)] = re.findall(
        r'</g><g><path d="M ([\d.]+) ([\d.]+)  L ([\d.]+) [\d.]+  L [\d.]+ ([\d.]+) [^>]*clip-path',
        page.split(matrix)[1],
    )
    expected = [left + across * (7 * 97 + 60), top + down * 10, left + across * (7 * 97 + 90), top + down * 30]
    assert [*map(float, (x0, y0, x1, y1))] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    "arrays",
    [
        {"series/accuracy/places": PLACES, "series/accuracy/values": VALUES[:, :2]},
        {"series/accuracy/places": PLACES, "series/accuracy/values": VALUES * np.float32("nan")},
        {"series/accuracy/values": VALUES},
        {"pictures/accuracy/pixels": PIXELS.astype(np.float32)},
        {"pictures/accuracy/pixels": PIXELS[0]},
        {"pictures/accuracy/pixels": PIXELS, "pictures/accuracy/boxes/truth": BOXES + 3},
        {"pictures/accuracy/pixels": PIXELS, "pictures/accuracy/boxes/truth": BOXES[:, :4]},
    ],
)
def test_files_of_another_form_are_not_drawn(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    page = render([scored(tmp_path, 0, {"accuracy": VALUES[:, 2], **arrays})], tmp_path)
    assert "Shown by evaluators" not in page


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Series("steps", PLACES, VALUES[0]), r"values must be \(n, 3\)"),
        (lambda: Series("steps", PLACES[::-1], VALUES), "ascend"),
        (lambda: Series("steps", PLACES, VALUES * np.float32("nan")), "finite"),
        (lambda: Pictures(PIXELS.astype(np.float32)), "uint8"),  # type: ignore[arg-type]
        (lambda: Pictures(PIXELS.repeat(30, 0)), "1 to 64"),
        (lambda: Pictures(PIXELS, {"truth": BOXES + 3}), "names? a picture"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: object, message: str) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=message):
        wrong()
