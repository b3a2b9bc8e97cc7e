"""The page on domains and the suite of three domains run as they say, with fewer steps, episodes and rows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests import pages
from tests.conftest import Harness

ROOT = Path(__file__).parent.parent
ROWS = "ProtoNet on textures,MMAML on all"


def test_the_page_runs(harness: Harness, tmp_path: Path) -> None:
    pages.place({"domains.yaml": pages.files("domains.md")["domains.yaml"]}, tmp_path)
    text = (tmp_path / "domains.yaml").read_text()
    (tmp_path / "domains.yaml").write_text(
        text.replace("steps: 300", "steps: 1").replace("episodes: 300", "episodes: 3")
    )
    assert "15 cells: 15 todo" in harness("plan", "domains.yaml").stdout
    run = harness("run", "domains.yaml", "--only", "method=mtl", "--only", "seed=0")
    assert "1 of 1 cell done" in run.stdout + run.stderr
    said = (tmp_path / "results" / "domains" / "leaderboard.md").read_text()
    for domain in ("glyphs", "polygons", "textures", "mean over domains"):
        assert f"5-way 1-shot {domain}" in said
    assert "moments=pooled, of.glyphs=glyphs (fingerprint=" in said


def test_the_suite_does_everything_once(harness: Harness, tmp_path: Path) -> None:
    suite = ROOT / "benchmarks" / "domains.yaml"
    planned = harness("plan", suite, "--budget", "full").stdout
    assert "33 cells: 33 todo" in planned
    run = harness("run", suite, "--budget", "smoke", "--only", f"method={ROWS}", "--results", tmp_path / "out")
    assert "2 of 2 cells done" in run.stdout + run.stderr


def test_folders_of_pictures_are_domains(harness: Harness, tmp_path: Path) -> None:
    """Two sets of 20 classes in folders, as the page has it."""
    generator = np.random.default_rng(0)
    for name in ("birds", "dtd"):
        for number in range(20):
            folder = tmp_path / "pictures" / name / f"class{number}"
            folder.mkdir(parents=True)
            for picture in range(12):
                pixels = generator.integers(0, 256, (10, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{picture}.png")
    text = pages.files("domains.md")["meta.yaml"].replace("size: 32", "size: 8").replace("steps: 2000", "steps: 1")
    short = re.sub(r"episodes: \d+", "episodes: 3", text).replace("queries: 10", "queries: 3")
    (tmp_path / "meta.yaml").write_text(short.replace("batch_size: 128", "batch_size: 8"))
    run = harness("run", "meta.yaml", "--only", "method=mtl")
    said = run.stdout + run.stderr
    assert "1 of 1 cell done" in said
    assert "domains birds, textures" in said
