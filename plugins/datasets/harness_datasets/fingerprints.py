"""Fingerprints of the user's data: a digest of the content, so that a changed file is never taken for the old one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness import UsageError, per_file
from harness_datasets.pictures import Listing, Picture, per_picture

PNG, PNG_HEADER, PNG_GREY_16 = b"\x89PNG\r\n\x1a\n", 26, bytes([16, 0])  # bits a value, kind of colour
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file. Raises UsageError if there is no such file."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    return per_file(sha256, [path], f"SHA-256 of {path.absolute()}", "files read")[0]


def pictures_fingerprint(listing: Listing, of: Path) -> str:
    """SHA-256 over the pictures of a set: which split and class each is in, its name and its content.

    Other files do not matter. `of`: the folder or the list that they are known by.
    """
    found = iter(
        per_picture(identity, listing.paths, f"identity of pictures below {of.absolute()}", "pictures identified")
    )
    digest = hashlib.sha256()
    for split, part in listing.splits.items():
        if part.targets is not None:
            digest.update(f"{split}: {';'.join(part.classes)}\n".encode())
        for file, label in zip(part.paths, part.label_texts(), strict=True):
            digest.update(f"{split}/{label}/{file.name}\0{next(found)}\n".encode())
    return digest.hexdigest()


def sha256(path: Picture) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(path: Picture) -> str:
    """Of a picture. Grey ones of 16 bits are named: they are read in another way than they were at first."""
    return sha256(path) + (" 16 bits" if grey_of_16_bits(path) else "")


def grey_of_16_bits(path: Picture) -> bool:
    with path.open("rb") as file:
        head = file.read(PNG_HEADER)
    if head.startswith(PNG):
        return head[-2:] == PNG_GREY_16
    if not head.startswith(TIFF):
        return False
    from PIL import Image  # for these alone: it takes a while to import

    try:
        with path.open("rb") as file, Image.open(file) as picture:
            return picture.mode.startswith("I;16")
    except Exception:  # noqa: BLE001 (a damaged one raises whatever it meets, and is named when it is read)
        return False
