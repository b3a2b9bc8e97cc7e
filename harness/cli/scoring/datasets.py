"""Converts --data and --size to an entry of a suite."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError, nearest
from harness.cli.scoring.arguments import absolute, entry_of, path_of
from harness.plugins.options import fields_of
from harness.plugins.registry import FOLDER, Registry, Spec
from harness.suite.document import scalar


def dataset(
    text: str, size: int | None, known: Registry, modalities: Iterable[str] = ()
) -> tuple[Spec, dict[str, Any]]:
    """The data set that a name, a path, NAME:PATH or an entry means; its entry. Of several that read a path, the one
    whose samples have a modality of `modalities` is taken. Raises UsageError."""
    try:
        spec, options = _dataset(text, known, set(modalities))
    except UsageError as error:
        raise UsageError(f"--data {text}: {error}") from error
    if size is not None and "size" not in fields_of(spec.config):
        raise UsageError(f"--size {size}: the size of the samples of '{spec.name}' cannot be set: leave --size out.")
    given = {} if size is None else {"size": size}
    return spec, {"use": spec.unique, "label": label_of(text), **options, **given}


def _dataset(text: str, known: Registry, modalities: set[str]) -> tuple[Spec, dict[str, Any]]:
    if text.startswith("{"):
        entry = entry_of(text)
        if isinstance(path := entry.get("path"), str):
            entry["path"] = absolute(path)
        return known.get("dataset", entry.pop("use")), entry
    if spec := known.find("dataset", text):
        return spec, {}
    file = path_of(text)
    if file.exists():
        return _reading(file, known, modalities), {"path": absolute(text)}
    name, colon, rest = text.partition(":")
    if colon and (spec := known.find("dataset", name)) and spec.reads:
        return spec, {"path": absolute(rest)}
    beside = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
    close = get_close_matches(file.name, beside, n=1)
    hint = f" Did you mean '{file.parent / close[0]}'?" if close else nearest(text, known.named("dataset"))
    raise UsageError(f"there is no such file or folder, and no data set of this name.{hint}")


def _reading(path: Path, known: Registry, modalities: set[str]) -> Spec:
    """The only data set that reads such a path and gives such samples, if there are any."""
    ending = FOLDER if path.is_dir() else path.suffix.lower()
    reading = [spec for spec in known.all("dataset") if ending in spec.reads]
    if not reading:
        every = sorted({each for spec in known.all("dataset") for each in spec.reads} - {FOLDER})
        raise UsageError(f"no data set reads such a file. Data sets read folders, {', '.join(every)}.")
    fitting = [spec for spec in reading if spec.modality in modalities] or reading
    if len(fitting) > 1:
        forms = " or ".join(f"--data {spec.unique}:{path}" for spec in fitting)
        raise UsageError(f"several data sets can read it: write {forms}.")
    return fitting[0]


def label_of(data: str) -> str:
    """What tables call it: its name, or that of its file or folder."""
    if data.startswith("{"):
        entry = scalar(data, "--data")
        data = str(entry.get("label") or entry.get("path") or entry.get("use")) if isinstance(entry, dict) else data
    return Path(data).absolute().name or data
