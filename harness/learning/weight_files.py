"""Reads files of weights: named tensors in mappings, each read when it is needed. Nothing in a file is executed."""

from __future__ import annotations

import contextlib
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from harness.base.errors import UsageError
from harness.base.per_file import per_file

DEPTH = 8  # of mappings in mappings
SAVE = "Where it was made, save the state dict alone: torch.save(model.state_dict(), 'weights.pth')."
STARTS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first"),
    (b"\x93NUMPY", "an array of numpy"),
    (b"version https://git-lfs", "a pointer of Git LFS, and not the file that it stands for"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
TF_INDEX = struct.pack("<Q", 0xDB4775248B80FB57)  # the last bytes of the index of a TensorFlow checkpoint
SAFE_KINDS = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "U8": "uint8"},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
}


@dataclass(frozen=True)
class Stored:
    """A tensor in a file. `kind`: its dtype's name."""

    shape: tuple[int, ...]
    kind: str
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Opened:
    """`states`: the named tensors of each mapping that has some, by the names that lead to it, joined by dots.
    `of_cell`: whether harness wrote it as a cell's model."""

    states: Mapping[str, Mapping[str, Stored]]
    of_cell: bool = False


@contextlib.contextmanager
def open_weights(file: Path) -> Iterator[Opened]:
    """Raises UsageError for a file that holds something else than tensors, or is damaged."""
    with file.open("rb") as start:
        head = start.read(512)
        start.seek(max(0, file.stat().st_size - 8))
        tail = start.read(8)
    if head.startswith(b"PK\x03\x04"):
        _check_archive(file)
        yield Opened(_states(file, _load(file, mmap=True)))
    elif head[4:9] == b"\0\0\0\0{":  # the length of the header, which is below 100 MB, and its begin
        with _safetensors(file) as found:
            yield found
    elif what := _other(head, tail):
        raise UsageError(f"{file} is {what}. Weights are read from safetensors and from files of torch.save.")
    elif head.startswith(b"\x80") or head[257:262] == b"ustar":
        yield Opened(_states(file, _load(file, mmap=False)))
    else:
        raise UsageError(
            f"{file} is damaged or no file of weights: they are read from safetensors and from files of torch.save."
        )


def _other(head: bytes, tail: bytes) -> str:
    """What a file is that is known by its bytes, and no file of weights here."""
    for start, what in STARTS:
        if head[: len(start)].lower() == start.lower():
            return what
    if tail == TF_INDEX:
        return "the index of a TensorFlow checkpoint"
    if head[4:8] == b"TFL3":
        return "a model of TensorFlow Lite"
    if re.match(rb"\x08[\x01-\x20]\x12", head):
        return "a protocol buffer, as ONNX and TensorFlow write"
    return ""


def _check_archive(file: Path) -> None:
    """torch.save stores without compression, so that a small file cannot be a large one once it is read."""
    if not zipfile.is_zipfile(file):
        raise UsageError(f"{file} is cut short: the end of the archive that torch.save writes is missing.")
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except Exception as error:  # as in _load
        raise UsageError(f"{file} is damaged: {error}.") from error
    names = {entry.filename.rpartition("/")[2] for entry in entries}
    if "constants.pkl" in names:
        raise UsageError(f"{file} is a TorchScript program, not its weights alone. {SAVE}")
    if "data.pkl" not in names or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UsageError(f"{file} is an archive that torch.save did not write.")
    if damaged := per_file(_find_damaged_part, [file], f"checksums of {file.absolute()}", "files checked")[0]:
        raise UsageError(f"{file} is damaged: '{damaged}' in it does not have its checksum.")


def _find_damaged_part(file: Path) -> str:
    """The name of a part whose content does not have its checksum, or ""; torch does not check this."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() or ""
    except Exception as error:  # as in _load
        raise UsageError(f"{file} is damaged: {error}.") from error


@contextlib.contextmanager
def _safetensors(file: Path) -> Iterator[Opened]:
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(safe_open(file, "pt"))
            names, metadata = set(found.keys()), found.metadata() or {}
            state = {name: _slice(found, name) for name in sorted(names)}
        except SafetensorError as error:
            raise UsageError(f"{file} is damaged or cut short: {error}.") from error
        # one name of several that share a tensor is written, the others are in the metadata
        state |= {name: state[kept] for name, kept in metadata.items() if name not in names and kept in names}
        yield Opened({"": state}, "cell" in metadata)


def _slice(found: Any, name: str) -> Stored:
    part = found.get_slice(name)
    kind = part.get_dtype()
    return Stored(tuple(part.get_shape()), SAFE_KINDS.get(kind, kind), lambda: found.get_tensor(name))


def _load(file: Path, *, mmap: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle's protocols, of old kinds of storage
            return torch.load(str(file), map_location="cpu", weights_only=True, mmap=mmap)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises whatever its parts run into
        raise UsageError(f"{file} {_why(file, error)}") from error


def _why(file: Path, error: Exception) -> str:
    """The reason why torch did not read a file, in words."""
    said = str(error)
    if "legacy .tar format" in said:
        return f"is in the .tar format of torch 0.1, which cannot be read without running what it says. {SAVE}"
    names = _code(file, said)
    if any(name.startswith("torch.nn.modules.") for name in names):
        return f"holds a whole network ({_first_names(names)}), and reading it would run code. {SAVE}"
    if names:
        return f"holds more than tensors ({_first_names(names)}), and reading it would run code. {SAVE}"
    if isinstance(error, pickle.UnpicklingError) and "ersistent" not in said:
        return f"is no file of torch.save, or holds more than tensors. {SAVE}"
    reason = re.sub(r", expected \d+ more bytes", "", " ".join(said.split()).partition(". ")[0])
    return f"is damaged or cut short: {reason[:150]}."


def _code(file: Path, said: str) -> list[str]:
    """The names in a pickle that are not plain data, found without running it."""
    names: set[str] = set(re.findall(r"GLOBAL ([\w.]+)", said))
    if names:
        with contextlib.suppress(Exception):  # of old formats, and of damaged files, only the first is known
            names |= set(torch.serialization.get_unsafe_globals_in_checkpoint(str(file)))
    return sorted(names)


def _first_names(names: list[str]) -> str:
    return ", ".join(name[:80] for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _states(file: Path, value: Any) -> dict[str, dict[str, Stored]]:
    """The tensors of each mapping."""
    if not isinstance(value, Mapping):
        kind = "one tensor" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise UsageError(f"{file} holds {kind}, not tensors by name. {SAVE}")
    found: dict[str, dict[str, Stored]] = {}
    _walk(value, (), found, set())
    return found


def _walk(value: Mapping[Any, Any], path: tuple[str, ...], found: dict[str, dict[str, Stored]], seen: set[int]) -> None:
    """Into `found`. A mapping may hold itself, or one other many times: each is looked at once."""
    seen.add(id(value))
    tensors = {
        name: _describe_tensor(each)
        for name, each in value.items()
        if isinstance(name, str) and isinstance(each, Tensor)
    }
    if tensors:
        found[".".join(path)] = tensors
    for name, each in value.items():
        if isinstance(each, Mapping) and id(each) not in seen and len(path) < DEPTH:
            _walk(each, (*path, str(name)), found, seen)


def _describe_tensor(tensor: Tensor) -> Stored:
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided or tensor.is_meta:
        kind = "sparse" if tensor.layout != torch.strided else "nothing"
    return Stored(tuple(tensor.shape), kind, tensor.detach)
