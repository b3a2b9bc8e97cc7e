"""What identifies a data set of the library: the files that `save_to_disk` wrote, or a name with a commit. Does not
import the library, so that planning stays quick."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Protocol

from harness_datasets.fingerprints import file_fingerprint

from harness import UsageError

COMMIT = re.compile(r"[0-9a-f]{40}")
MANY, ONE = "dataset_dict.json", "state.json"  # what is in a folder of several splits, and in that of a split


class Source(Protocol):
    """Where a data set is, as both kinds of options say it."""

    @property
    def path(self) -> Path | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def config(self) -> str | None: ...
    @property
    def revision(self) -> str | None: ...


def check_source(path: Path | None, name: str | None, config: str | None, revision: str | None) -> None:
    """Raises ValueError unless it is a path, or a name with a commit."""
    if (path is None) == (name is None):
        raise ValueError("give either 'path' or 'name'")
    if path is not None and (config or revision):
        raise ValueError("'config' and 'revision' are for a 'name': leave them out beside 'path'")
    if name is not None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise ValueError(
            f"{name!r} is no name on Hugging Face's hub, which is written OWNER/NAME; for a folder, give 'path'"
        )
    if name is not None and not COMMIT.fullmatch(revision or ""):
        raise ValueError(
            f"'revision' must be a commit, 40 hexadecimal digits, not {revision!r}: without one, the data "
            f"would change with the hub. https://huggingface.co/datasets/{name}/commits/main lists them"
        )


def called(source: Source) -> Path:
    """How messages call it: its folder, or what it is on the hub."""
    return source.path or Path(" ".join(each for each in (source.name, source.config, source.revision) if each))


def digest_of(source: Source) -> str:
    """SHA-256 of the files in the folder, whatever it is called; or the name, the configuration and the commit. Raises
    UsageError if there is no such folder."""
    if source.path is None:
        return f"{source.name} {source.config or ''} {source.revision}"
    found = hashlib.sha256()
    for split in splits_in(source.path):
        folder = source.path / split
        features = _read(folder / "dataset_info.json").get("features")
        found.update(f"{split}: {json.dumps(features, sort_keys=True)}\n".encode())
        for each in _read(folder / ONE).get("_data_files", ()):
            found.update(f"{file_fingerprint(folder / each['filename'])}\n".encode())
    return found.hexdigest()


def splits_in(path: Path) -> list[str]:
    """The names of the splits in a folder, which are those of folders in it; of one split that was saved alone, "".
    Raises UsageError for a folder that `save_to_disk` did not write."""
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}.")
    if (path / MANY).is_file():
        return [str(name) for name in _read(path / MANY).get("splits", ())]
    if (path / ONE).is_file():
        return [""]
    raise UsageError(
        f"{path} has neither {MANY} nor {ONE}, so Hugging Face's save_to_disk did not write it. Folders of "
        "pictures are for image_folder."
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{file} cannot be read: it holds no names with values.")
    return found
