"""Plugins that are single files, given by --plugin without being installed. Jobs inherit them by an environment
variable.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from harness.base.errors import UsageError
from harness.base.stop_signal import Interrupted
from harness.plugins.sibling_files import Finder, digest, sources, taken

PLUGIN_FILES = "HARNESS_PLUGIN_FILES"  # a JSON list of absolute paths


def use(files: Sequence[Path] | None, by: str = "--plugin ") -> None:
    """Make plugin files known to this process and the jobs that it starts; call it before plugins are looked for.
    Messages begin with `by`.

    Raises UsageError for a file that does not exist or cannot be a module, and for two that would be the same module.
    """
    chosen: dict[str, Path] = {}
    for file in files or ():
        if not file.is_file():
            raise UsageError(f"{by}{file}: there is no such file.")
        if file.suffix != ".py" or not file.stem.isidentifier() or taken(file):
            raise UsageError(f"{by}{file}: rename it: its name must be that of a new Python module, such as mine.py.")
        if (other := chosen.setdefault(file.stem, file)).absolute() != file.absolute():
            raise UsageError(
                f"{by}{file}: has the same name as {other}, so both would be the module '{file.stem}': rename one."
            )
    if chosen:
        os.environ[PLUGIN_FILES] = json.dumps([str(file.absolute()) for file in chosen.values()])


def given() -> list[str]:
    """The paths of the files. Raises UsageError if the environment variable is malformed."""
    text = os.environ.get(PLUGIN_FILES) or "[]"
    try:
        files = json.loads(text)
    except (ValueError, RecursionError):
        files = None
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        raise UsageError(f"{PLUGIN_FILES} must be a JSON list of paths, as --plugin makes it, not {text!r}.")
    return files


def loaded() -> Iterator[tuple[ModuleType, str, str]]:
    """Each file as (module, name, digest of its content and of what it imports beside it).

    Raises UsageError, with the line, for one that raises.
    """
    finder, contents = Finder(), {}
    for path in dict.fromkeys(map(Path, given())):  # read before any is run, which may import whatever it likes
        with _placed(path):
            contents[path] = sources(path)
            if all(path.stem != other.stem for other in contents if other != path):  # or it will not be used
                finder.add(contents[path])
    sys.meta_path[:] = [finder, *(each for each in sys.meta_path if not isinstance(each, Finder))]
    for path, content in contents.items():
        with _placed(path):
            module = finder.module(path)
        yield module, path.name, digest(path, content)


@contextmanager
def _placed(plugin: Path) -> Iterator[None]:
    """Whatever a file raises is a UsageError with its place; what stops us by a signal goes on."""
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit, Interrupted):
        raise
    except BaseException as error:
        said = f"{_place(error, plugin)}: cannot be imported: {type(error).__name__}: {error}"
        raise UsageError(said + hint(error)) from error


def _place(error: BaseException, plugin: Path) -> str:
    """Where the plugin or a file beside it raised: "file:line", or the plugin's file if no line did."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    own = [(file, line) for file, line in places if Path(file).parent == plugin.parent and line]
    return "{}:{}".format(*own[-1]) if own else str(plugin)


def hint(error: BaseException) -> str:
    """What to do about a module that is not found, though it is beside a plugin's file; or ""."""
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    for folder in {Path(name).parent: None for name in given() if missing}:
        for beside in (folder / missing, folder / f"{missing}.py"):
            if beside.exists():
                return (
                    f" ({beside} is no file.py that the plugin's text imports, so its changes would go unnoticed: "
                    "write one file, or make a package: `harness new`)"
                )
    return ""
