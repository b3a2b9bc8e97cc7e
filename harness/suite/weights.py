"""The key `weights` of a backbone: the file that it starts from, identified by its content. Nothing is loaded here."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.base.per_file import per_file
from harness.plugins.options import option

KEY = "weights"  # of a backbone's entry in a suite
MODEL = "model.safetensors"  # in the folder of a cell that has been trained


@dataclass(frozen=True)
class WeightsOptions:
    """What a suite may say of them."""

    file: str = option(help="a file of weights, or the folder of a cell")
    key: str | None = option(None, "where in the file the state dict is, its names joined by dots; none: found")
    prefix: str | None = option(None, "what stands before the names of the backbone's tensors; none: found")
    strict: bool = option(True, "whether every tensor of the backbone must be in the file")


@dataclass(frozen=True)
class Starting:
    """What `weights` in an entry is, for sweeps over it."""

    weights: WeightsOptions


@dataclass(frozen=True)
class Weights:
    """A file of weights. `digest`: of its content."""

    file: Path
    digest: str
    key: str | None = None
    prefix: str | None = None
    strict: bool = True
    where: str = ""  # "file:line" in the suite, for messages

    @property
    def identity(self) -> dict[str, Any]:
        """What decides a result: no path, and no option that has its default."""
        given: dict[str, Any] = {
            name: value for name in ("key", "prefix") if (value := getattr(self, name)) is not None
        }
        return {"digest": self.digest, **given, **({} if self.strict else {"strict": False})}

    def as_json(self) -> dict[str, Any]:
        """Of a component: what decides a result apart from what does not."""
        return {KEY: self.identity, "weights_file": str(self.file), "weights_where": self.where}

    def as_option(self) -> dict[str, Any]:
        """As a suite has it."""
        return {"file": str(self.file), **{name: value for name, value in self.identity.items() if name != "digest"}}


def weights_of(component: Mapping[str, Any]) -> Weights | None:
    """Of a component as a plan or a record describes it; None if it starts from no file."""
    if KEY not in component:
        return None
    return Weights(Path(component["weights_file"]), where=component["weights_where"], **component[KEY])


def identify(options: WeightsOptions, file: Path, where: str) -> Weights:
    """`file`: where `options.file` is, or the folder of a cell. Raises UsageError if no weights can be there."""
    try:
        if address(options.file):
            raise UsageError(f"weights are a file here, not an address: download '{options.file}' and give its path.")
        if file.is_dir():
            file = model_of(file)
        if not file.exists():
            raise UsageError(no_file(file))
        if not file.is_file():
            raise UsageError(f"{file} is no regular file.")
        if not file.stat().st_size:
            raise UsageError(f"{file} is empty.")
        digest = digest_of(file)
    except UsageError as error:
        raise UsageError(f"{where}: weights: {error}") from error
    except OSError as error:
        raise UsageError(f"{where}: weights: {file}: {error.strerror or error}.") from error
    return Weights(file, digest, options.key, options.prefix, options.strict, where)


def address(file: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*://|hf-hub:", file, re.IGNORECASE) is not None


def model_of(folder: Path) -> Path:
    """The trained model of a cell's folder. Raises UsageError if it is none, or has not been trained."""
    if not (folder / "cell.json").is_file():
        cells = folder / "cells"
        hint = f": name one of those in {cells}" if cells.is_dir() else ": name a file in it"
        raise UsageError(f"{folder} is a folder, and not that of a cell{hint}.")
    if not (folder / MODEL).is_file():
        raise UsageError(f"the cell in {folder} has no {MODEL}: it has not been trained to the end.")
    return folder / MODEL


def digest_of(file: Path) -> str:
    """SHA-256 of its content, remembered as long as the file is the same."""
    return per_file(_sha256, [file], f"SHA-256 of {file.absolute()}", "files read")[0]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def no_file(file: Path) -> str:
    """A message that there is no such file, with the most similar name in its folder."""
    beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
    close = difflib.get_close_matches(file.name, beside, n=1)
    return f"there is no file {file}." + (f" Did you mean '{close[0]}'?" if close else "")
