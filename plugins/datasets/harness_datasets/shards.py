"""Tar files in the layout of WebDataset as splits: 000001.jpg and, beside it, 000001.cls, .json or .txt.

A tar file that is not compressed can be read anywhere, so an index of where each picture begins is all that it takes to
read pictures in any order: the standard library's tarfile makes it. The library `webdataset` reads from the first
picture to the last one, and shuffles what is near. Imports neither torch nor Pillow.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness import UsageError, nearest, per_file
from harness_datasets.braces import files_of
from harness_datasets.division import Division, divided
from harness_datasets.folders import ENDINGS
from harness_datasets.pictures import OTHER_NAMES, SPLITS, Listing, with_val
from harness_datasets.samples import Sample, list_samples

BLOCK = 512  # bytes: a tar file ends with two of them that are zero
LONGEST = 1_000_000  # bytes of a file that has a label
KINDS = ("cls", "json", "txt")  # of files that have the label, the first that there is
KEY = "label"  # in a .json


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a tar file."""

    file: Path
    member: str
    place: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.file.name}/{self.member}"

    def __str__(self) -> str:
        return f"{self.file}/{self.member}"

    def open(self, mode: Literal["rb"]) -> io.BytesIO:
        with self.file.open(mode) as shard:
            shard.seek(self.place)
            return io.BytesIO(shard.read(self.size))


def list_shards(pattern: Path, label: str | None, division: Division) -> Listing:
    """All pictures by split; each shard is read once, to find them. Raises UsageError."""
    shards = files_of(pattern, ".tar")
    kept = f"pictures and {label or 'labels'} of the shards {pattern.absolute()}"
    texts = per_file(lambda shard: json.dumps(index(shard, label)), shards, kept, "shards indexed")
    samples, several = {}, False
    for shard, text in zip(shards, texts, strict=True):
        found = json.loads(text)
        several = several or found["several"]
        samples[shard] = [
            Sample(Member(shard, name, place, size), tuple(labels)) for name, place, size, labels in found["pictures"]
        ]
    named = splits_of(shards, pattern)
    splits, notes = with_val(named, pattern) if named else ({"": "train"}, ())
    parts: dict[str, list[Sample]] = {}
    for shard in shards:
        if (split := splits.get(word_of(shard, shards))) is not None:
            parts.setdefault(split, []).extend(samples[shard])
    if "train" not in parts:
        raise UsageError(f"{pattern} has no shards of the split 'train'; it has {', '.join(map(repr, named))}.")
    listing = Listing(list_samples(parts, several, pattern), notes)
    return divided(listing, division if named else division.of_no_splits(), pattern, pattern)


def splits_of(shards: Sequence[Path], pattern: Path) -> dict[str, str]:
    """The names of splits that shards bear, and how a message calls one that does; none if none does. Raises
    UsageError if some do not."""
    words = {shard: word_of(shard, shards) for shard in shards}
    named = {word: f"{shard}: '{word}'" for shard, word in words.items() if word}
    if named and (without := [shard for shard, word in words.items() if not word]):
        raise UsageError(
            f"{without[0]} has no split in its name, as other shards of {pattern} have ({', '.join(named)})."
        )
    return named


def word_of(shard: Path, shards: Sequence[Path]) -> str:
    """The split in its name, or in those of its folders that not all shards are in; "" if none is. Raises UsageError
    for two."""
    below = os.path.relpath(shard, os.path.commonpath([each.parent for each in shards]))
    words = {*re.split(r"[^a-z]+", below.lower())} & {*SPLITS, *OTHER_NAMES}
    if len(words) > 1:
        raise UsageError(f"{shard} has two splits in its name, {' and '.join(sorted(words))}.")
    return next(iter(words), "")


def index(shard: Path, label: str | None) -> dict[str, Any]:
    """Where each picture is and what its labels are, as JSON has it: name, place, size, labels. Raises UsageError."""
    pictures, several = [], False
    for key, files in samples_of(shard).items():
        found = [kind for kind in files if f".{kind}" in ENDINGS]
        if len(found) > 1:
            raise UsageError(f"{shard}: the sample {key} has two pictures, .{found[0]} and .{found[1]}.")
        if found:
            place, size, _ = files[found[0]]
            given = label_of(shard, key, files, label)
            several = several or isinstance(given, list)
            labels = given if isinstance(given, list) else [given]
            texts = [unicodedata.normalize("NFC", str(each).strip()) for each in labels]
            pictures.append([f"{key}.{found[0]}", place, size, texts])
    if not pictures:
        raise UsageError(f"{shard} has no pictures ({', '.join(ENDINGS)}).")
    return {"pictures": pictures, "several": several}


File = tuple[int, int, bytes | None]
"""Where it begins, how many bytes it has, and these, of what may be a label."""


def samples_of(shard: Path) -> dict[str, dict[str, File]]:
    """The files of a shard by sample and by ending, which begins after the first dot. Raises UsageError for one that
    is damaged, cut off or compressed."""
    samples: dict[str, dict[str, File]] = {}
    try:
        with shard.open("rb") as stored, tarfile.open(fileobj=stored, mode="r:") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                key, _, ending = name.partition(".")
                if not member.isreg() or member.sparse or not ending or not key:
                    continue
                files = samples.setdefault(f"{folder}/{key}" if folder else key, {})
                kind = ending.lower()
                if kind in files:
                    raise UsageError(f"{shard} has {member.name} twice.")
                read = f".{kind}" not in ENDINGS and member.size <= LONGEST
                inside = tar.extractfile(member) if read else None
                files[kind] = (member.offset_data, member.size, inside.read() if inside else None)
            stored.seek(tar.offset)
            if stored.read(BLOCK) != bytes(BLOCK):  # tarfile takes what it cannot read there for the end
                raise UsageError(
                    f"{shard} is cut off or damaged after {tar.offset:,} bytes: a tar file ends with zeros."
                )
    except UsageError:
        raise
    except Exception as error:  # whatever a damaged file makes of its reader
        raise UsageError(f"{shard} cannot be read as a tar file that is not compressed: {error}.") from error
    return samples


def label_of(shard: Path, key: str, files: Mapping[str, File], label: str | None) -> Any:
    """Of one sample: a text or a number, or a list of them. Raises UsageError if there is none."""
    kind = next((each for each in KINDS if each in files), KINDS[0]) if label is None else label
    kind, field = ("json", kind.partition(".")[2] or KEY) if kind.partition(".")[0] == "json" else (kind, "")
    if kind not in files:
        endings = ", ".join(f".{each}" for each in files)
        raise UsageError(
            f"{shard}: the sample {key} has no .{kind} with its label; it has {endings}. 'labels' names another ending."
        )
    content = files[kind][2]
    if content is None:
        raise UsageError(f"{shard}: {key}.{kind} is no label: it is a picture, or longer than {LONGEST:,} bytes.")
    try:
        text = content.decode()
        given = json.loads(text) if field else text.strip()
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shard}: {key}.{kind} cannot be read: {error}.") from error
    if field:
        if not isinstance(given, dict) or field not in given:
            known = list(given) if isinstance(given, dict) else []
            raise UsageError(f"{shard}: {key}.json has no '{field}' at its top.{nearest(field, known)}")
        given = given[field]
    if not all(
        isinstance(each, str | int) and str(each).strip() for each in (given if isinstance(given, list) else [given])
    ):
        raise UsageError(
            f"{shard}: {key}.{kind}: a label is a text or a whole number, or a list of them, not {given!r:.60}."
        )
    return given
