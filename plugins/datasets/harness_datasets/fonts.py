"""Finds the fonts of the glyphs and identifies their content. Imports neither torch nor matplotlib."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from harness import UsageError

GENERATOR = 1  # raise it with every change to what `glyphs` draws
FACES = (
    "DejaVuSans.ttf",  # the reference face: the one with the most letters
    "DejaVuSans-Bold.ttf",
    "DejaVuSans-BoldOblique.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSansMono-Bold.ttf",
    "DejaVuSansMono-BoldOblique.ttf",
    "DejaVuSansMono-Oblique.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Bold.ttf",
    "DejaVuSerif-BoldItalic.ttf",
    "DejaVuSerif-Italic.ttf",
)


def face_files() -> list[Path]:
    """The DejaVu faces that matplotlib ships. Raises UsageError if matplotlib or a face is missing."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise UsageError("the data set 'glyphs' is drawn with matplotlib's fonts; install matplotlib.")
    files = [Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / face for face in FACES]
    for file in files:
        if not file.is_file():
            raise UsageError(f"the data set 'glyphs' needs the font {file}, which this matplotlib does not ship.")
    return files


@cache
def content_version() -> str:
    """Identifies the drawings: the generator, the rasteriser (Pillow brings FreeType) and the fonts' bytes."""
    digest = hashlib.sha256(f"generator {GENERATOR}, pillow {version('pillow')}".encode())
    for file in face_files():
        digest.update(file.read_bytes())
    return f"{GENERATOR}-{digest.hexdigest()[:16]}"
