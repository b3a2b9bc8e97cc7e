"""A data set of the library as its splits, by their own names: from a folder, or from the cache of the hub."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness import UsageError
from harness_hf.identity import Source, splits_in

with suppress(ImportError):  # here, so that it is imported once, by the process that jobs are forked from
    importlib.import_module("datasets")

SECONDS = 10.0  # that the hub has to answer
DEFAULT = "default"  # what the library calls the configuration of a set that has one


def library() -> Any:
    """Raises UsageError if it is not installed."""
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise UsageError(
            f"this data set needs Hugging Face's datasets: pip install 'rep-harness[hf]' ({error})."
        ) from error


def splits_of(source: Source) -> dict[str, Any]:
    """The library's Dataset of each split. Of a name, fetched if it is not in the cache. Raises UsageError."""
    datasets = library()
    if source.path is None:
        return dict(_cached(source, datasets) or _fetched(source, datasets))
    names = splits_in(source.path)
    with _explained(f"{source.path} cannot be read"):
        loaded = datasets.load_from_disk(str(source.path))
    return {"train": loaded} if names == [""] else dict(loaded)


def _cached(source: Source, datasets: Any) -> Any:
    """From the library's cache, without a question to the hub; None if it is not there. Raises UsageError."""
    found = _folders(source, datasets, source.config or DEFAULT)
    if not found:
        return None
    config, version, commit = found[-1].parts[-3:]
    with _explained(f"{found[-1]}, in the cache, cannot be read"):
        cache = importlib.import_module("datasets.packaged_modules.cache.cache").Cache
        name = str(source.name)
        return cache(
            dataset_name=name.rpartition("/")[2], repo_id=name, config_name=config, version=version, hash=commit
        ).as_dataset()


def _folders(source: Source, datasets: Any, config: str) -> list[Path]:
    """Where the library keeps this commit: someone___something/CONFIG/VERSION/COMMIT."""
    naming = importlib.import_module("datasets.naming")
    *owner, name = str(source.name).split("/")
    place = Path(datasets.config.HF_DATASETS_CACHE).expanduser()
    place /= "___".join([*owner, naming.camelcase_to_snakecase(name)])
    found = place.glob(f"{config}/*/{source.revision}")
    return sorted(folder for folder in found if (folder / "dataset_info.json").is_file())


def _fetched(source: Source, datasets: Any) -> Any:
    """Fetched into the library's cache; the hub is asked first, and once: to load would try many times. Raises
    UsageError."""
    asked, others = f"'{source.config or DEFAULT}' of {source.name}", _others(source, datasets)
    if datasets.config.HF_HUB_OFFLINE:
        raise UsageError(f"{asked} is not in Hugging Face's cache{others}, and HF_HUB_OFFLINE is set. {_how(source)}")
    try:
        importlib.import_module("huggingface_hub").dataset_info(source.name, revision=source.revision, timeout=SECONDS)
        datasets.load_dataset(source.name, source.config, revision=source.revision)
    except Exception as error:
        raise UsageError(
            f"{asked} is not in Hugging Face's cache{others}, and cannot be fetched ({_words(error)}). {_how(source)}"
        ) from error
    if (found := _cached(source, datasets)) is None:
        raise UsageError(
            f"{asked} is not what the hub gives for commit {source.revision}{_others(source, datasets)}: 'config' "
            "names another one."
        )
    return found


def _others(source: Source, datasets: Any) -> str:
    """Which configurations of the commit are in the cache, where the one that is asked for is not."""
    known = sorted({folder.parts[-3] for folder in _folders(source, datasets, "*")})
    return f", which has {', '.join(map(repr, known))}" if known else ""


def _how(source: Source) -> str:
    call = f"datasets.load_dataset({source.name!r}, {source.config!r}, revision={source.revision!r})"
    return (
        f"Where there is a network, run {call} and copy the cache (HF_HOME), or save what it gives with save_to_disk "
        "and name that folder by 'path'."
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turns whatever a library makes of files that are not whole into one message."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise UsageError(f"{what}: {_words(error)}.") from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
