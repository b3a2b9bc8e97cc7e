"""Writes files atomically and with a checksum; finds damaged files and renames them, but never deletes them."""

from __future__ import annotations

import io
import json
import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.base.processes import alive, machine
from harness.base.version import FORMAT, own_version

CHECK = b',\n "check": "'  # what parts the content of a JSON file from its checksum
ANY = "*"
LARGEST = 1e100  # of the numbers in a shape: what is computed from them must stay finite
TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)\.tmp")


class DamagedError(UsageError):
    """The content of a file is not what was written."""

    def __init__(self, path: Path | str, reason: str, then: str = "sets it aside and runs its cell again") -> None:
        super().__init__(f"{path}: is damaged ({reason}); 'harness run' {then}.")
        self.path = Path(path)
        self.reason = reason


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A temporary file in the same folder that then replaces `path` at once: fsync, rename, fsync of the folder.

    Without `durable` there is no fsync: for what means nothing after the machine went down.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{machine()}-{os.getpid()}.tmp")
    try:
        yield temporary
        if durable:
            sync(temporary)
        temporary.replace(path)
        if durable:
            sync(path.parent)
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk does not say for which file
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder if it does not exist. Looking first is cheaper: a network file system may answer without its
    server.
    """
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)


def sync(path: Path) -> None:
    """Write everything that the system buffers of a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content` at once; see `replacing`."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True, indent: int | None = 1) -> None:
    """Write an object with its format and a checksum, as JSON with a flipped bit may still be valid but hold another
    score.
    """
    text = json.dumps({"format": FORMAT, **value}, indent=indent, ensure_ascii=False).removesuffix("}").rstrip("\n")
    body = text.encode(errors="backslashreplace")  # a file name that is no UTF-8 becomes an escape of JSON
    write_bytes(path, body + CHECK + f'{zlib.crc32(body):08x}"\n}}'.encode(), durable=durable)


def read_json(path: Path | str, shape: Mapping[str, Any] = {}) -> dict[str, Any] | None:
    """None if there is no such file. Raises DamagedError, also where it is not of that `shape`, and UsageError for
    another format."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a leaderboard opens tens of thousands)
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, str(error)) from error
    if not isinstance(value, dict):
        raise DamagedError(path, "it holds no object")
    check = value.pop("check", None)
    body, found, _ = content.rpartition(CHECK)
    if found and check != f"{zlib.crc32(body):08x}":
        raise DamagedError(path, "its content does not fit its checksum")
    check_format(path, value.get("format"))
    if reason := misfit(value, shape):
        raise DamagedError(path, reason)
    return value


def misfit(value: dict[str, Any], shape: Mapping[str, Any]) -> str:
    """What of `value` is not of the shape, or "". A shape says of keys what they hold: a type, several, or a shape; one
    that may hold None may be missing, and further keys are no matter. ANY stands for all keys."""
    for key, inner in shape.items():
        kind = type(inner)  # not isinstance: this function takes much of the time of a large leaderboard
        for name in value if key == ANY else (key,):
            held = value.get(name)
            if kind is list:
                for each in held if isinstance(held, list) else [] if held is None else [held]:
                    if reason := misfit({name: each}, {name: inner[0]}):
                        return reason
            elif not isinstance(held, dict if kind is dict else inner):
                return f"its '{name}' is of another type" if name in value else f"it has no '{name}'"
            elif kind is dict:
                if reason := misfit(held, inner):
                    return f"in '{name}' {reason}"
            elif isinstance(held, (int, float)) and LARGEST < abs(held) < math.inf:
                return f"its '{name}' is larger than any number that is measured"
    return ""


def check_format(path: Path | str, version: Any) -> None:
    """Raises UsageError for a file of another version, with what to do; DamagedError for one that has none."""
    if version == FORMAT:
        return
    if type(version) is not int:
        raise DamagedError(path, "it has no format")
    if version > FORMAT:
        raise UsageError(
            f"{path}: is of format {version}; harness {own_version()} reads format {FORMAT}. Upgrade harness."
        )
    raise UsageError(
        f"{path}: is of format {version}, older than what harness {own_version()} reads (format {FORMAT}). Run into "
        "another folder with --results, or read this one with the version of harness that wrote it."
    )


def seal(path: Path) -> dict[str, Any]:
    """Size and checksum of a file that cannot hold its own checksum."""
    check = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            check = zlib.crc32(block, check)
    return {"bytes": path.stat().st_size, "crc32": f"{check:08x}"}


def broken(path: Path, sealed: Mapping[str, Any] | None, *, read: bool = False) -> str | None:
    """What is wrong with a file that was sealed: its size, and if it may be `read` its content. None for nothing, for
    one that is not there, and for one that was written without a seal."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    if not sealed:
        return None
    if size != sealed.get("bytes"):
        return f"it has {size} bytes instead of {sealed.get('bytes')}"
    return "its content does not fit its checksum" if read and seal(path) != dict(sealed) else None


def set_aside(path: Path) -> Path | None:
    """Rename a damaged file within its folder; where it is now, None if it was gone."""
    for number in count(1):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            try:
                return path.rename(aside)
            except FileNotFoundError:
                return None
    return None


def sweep(folders: Iterable[Path], *, foreign: bool = False) -> None:
    """Remove temporary files of processes that died while they wrote; `foreign`: of other machines, too."""
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(folder):
                written = TEMPORARY.fullmatch(entry.name)
                if written is None:
                    continue
                ours = written[1] == machine()
                if foreign if not ours else not alive(int(written[2])):
                    Path(entry.path).unlink(missing_ok=True)


def npz(arrays: Mapping[str, Any]) -> bytes:
    """Named arrays as the bytes of a compressed .npz file."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))
    return buffer.getvalue()
