"""Reads text files, plain or compressed."""

from __future__ import annotations

import lzma
from pathlib import Path

from harness import UsageError

BOM = "\ufeff"
LARGEST = 2**32  # bytes that a compressed file may unfold to


def lines_of(path: Path) -> list[str]:
    """Of a file in UTF-8, or of one that xz compressed. Raises UsageError if it cannot be read."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    try:
        content = _decompressed(path) if path.suffix == ".xz" else path.read_bytes()
    except lzma.LZMAError as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: this line is not UTF-8: save the file as UTF-8.") from error
    return text.removeprefix(BOM).replace("\r\n", "\n").removesuffix("\n").split("\n")


def _decompressed(path: Path) -> bytes:
    decoder = lzma.LZMADecompressor()
    content = decoder.decompress(path.read_bytes(), LARGEST)
    if not decoder.eof:
        said = "ends too early" if decoder.needs_input else f"unfolds to more than {LARGEST:,} bytes"
        raise UsageError(f"{path} {said}.")
    return content


def squeezed(text: str) -> str:
    """With single spaces, and none around it."""
    return " ".join(text.split())
