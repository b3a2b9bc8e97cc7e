"""Plugins that are files of the user's, tried without being installed. Jobs inherit which by the environment."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from harness.base.errors import UsageError
from harness.base.stop_signal import Interrupted

PLUGIN_FILES = "HARNESS_PLUGIN_FILES"  # a JSON list of absolute paths


def use(files: Sequence[Path] | None) -> None:
    """Let this process, and the jobs that it starts, see `files`; before plugins are looked for.

    Raises UsageError for one that is not there or that cannot be a module, and for two that would be one module.
    """
    chosen: dict[str, Path] = {}
    for file in files or ():
        if not file.is_file():
            raise UsageError(f"--plugin {file}: there is no such file.")
        if file.suffix != ".py" or not file.stem.isidentifier() or taken(file):
            raise UsageError(f"--plugin {file}: must be named as a module that is not there yet, such as mine.py.")
        if (other := chosen.setdefault(file.stem, file)).absolute() != file.absolute():
            raise UsageError(f"--plugin {file}: is named as {other} is; both would be the module '{file.stem}'.")
    if chosen:
        os.environ[PLUGIN_FILES] = json.dumps([str(file.absolute()) for file in chosen.values()])


def taken(file: Path) -> bool:
    """Whether the file's name is that of another module. A link is what it is called, not what it leads to."""
    try:
        spec = find_spec(file.stem)
    except ValueError:  # a module that is loaded and says not where from, such as __main__
        return True
    return spec is not None and (spec.origin is None or Path(spec.origin).absolute() != file.absolute())


def given() -> list[str]:
    """The paths of the files. Raises UsageError if what the environment says is none of our making."""
    text = os.environ.get(PLUGIN_FILES) or "[]"
    try:
        files = json.loads(text)
    except (ValueError, RecursionError):
        files = None
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        raise UsageError(f"{PLUGIN_FILES} must be a JSON list of paths, as --plugin makes it, not {text!r}.")
    return files


def loaded() -> Iterator[tuple[ModuleType, str, str]]:
    """Each file as (module, name, digest of its content). Raises UsageError, with the line, for one that raises."""
    for name in given():
        path = Path(name)
        try:
            loader = _Loader(path.stem, name)
            spec = spec_from_file_location(path.stem, name, loader=loader)
            module = module_from_spec(spec)  # type: ignore[arg-type]  # a loader was given, so there is a spec
            sys.modules[path.stem] = module  # targets such as "mine:Method" are imported by this name
            loader.exec_module(module)
        except (KeyboardInterrupt, GeneratorExit, Interrupted):
            raise
        except BaseException as error:
            frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
            line = getattr(error, "lineno", None) or (frames[-1] if frames else None)
            place = f"{path}:{line}" if line else str(path)
            raise UsageError(f"{place}: cannot be imported: {type(error).__name__}: {error}") from error
        yield module, path.name, hashlib.sha256(loader.content).hexdigest()[:16]


class _Loader(SourceFileLoader):
    """Reads a file once, so that its digest is that of what ran; a .pyc may be older than a quick change."""

    content = b""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 (as importlib calls it)
        self.content = self.get_data(self.path)
        code: Any = self.source_to_code(self.content, self.path)
        return code
