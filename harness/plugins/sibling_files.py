"""Imports the files beside a plugin's file that it needs, and computes one digest of them all."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any


def taken(file: Path) -> bool:
    """Whether the file's name is that of another module. A link is what it is called, not what it leads to."""
    try:
        spec = find_spec(file.stem)
    except ValueError:  # a module that is loaded and says not where from, such as __main__
        return True
    return spec is not None and (spec.origin is None or Path(spec.origin).absolute() != file.absolute())


def sources(plugin: Path) -> dict[Path, bytes]:
    """A plugin's file and the files beside it that it imports, or that one of these imports, with their content.

    They are known by their names in the text, so that the digest is that of all that can run. A name of another module
    stays that module's: no file shadows the standard library or an installed package.
    """
    found: dict[Path, bytes] = {}
    waiting = [plugin]
    while waiting:
        path = waiting.pop()
        found[path] = path.read_bytes()
        beside = {plugin.parent / f"{name}.py" for name in _named(found[path])} - set(found) - set(waiting)
        waiting += [file for file in beside if file.is_file() and not taken(file)]
    return found


def digest(plugin: Path, contents: Mapping[Path, bytes]) -> str:
    """Of a plugin's content and, where there are files beside it, of their names and contents."""
    whole = hashlib.sha256(contents[plugin])
    for path in sorted(set(contents) - {plugin}):
        whole.update(f"\0{path.name}\0{hashlib.sha256(contents[path]).hexdigest()}".encode())
    return whole.hexdigest()[:16]


def _named(source: bytes) -> Iterator[str]:
    """What a text names that may be a module: what it imports, and strings such as "mine:Method" or "mine"."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # whoever imports it will say so
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0].partition(".")[0]
            if name.isidentifier():
                yield name


class Finder(MetaPathFinder):
    """Finds the files given to it, and nothing else in their folders."""

    def __init__(self) -> None:
        self.loaders: dict[str, _Loader] = {}

    def add(self, contents: Mapping[Path, bytes]) -> None:
        """Raises ImportError if a file is to be the module that another file is."""
        for path, content in contents.items():
            other = self.loaders.setdefault(path.stem, _Loader(path, content)).path
            if not path.samefile(other):
                raise ImportError(f"{path} has the same name as {other}, so both would be the module '{path.stem}'")

    def module(self, path: Path) -> ModuleType:
        """Import a file; once, also where one that was imported before has imported it."""
        known = sys.modules.get(path.stem)
        if known is not None and getattr(known, "__loader__", None) is self.loaders[path.stem]:
            return known
        spec: Any = self.find_spec(path.stem)
        module = sys.modules[path.stem] = module_from_spec(spec)  # targets as "mine:Method" are imported by this name
        spec.loader.exec_module(module)
        return module

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 (as importlib calls it; a module of a package has dots)
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        loader = self.loaders.get(name)
        return spec_from_file_location(name, loader.path, loader=loader) if loader else None


class _Loader(SourceFileLoader):
    """Runs the content that the digest is of: the file may be another by then, and a .pyc older than a quick change."""

    def __init__(self, path: Path, content: bytes) -> None:
        super().__init__(path.stem, str(path))
        self.content = content

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 (as importlib calls it)
        code: Any = self.source_to_code(self.content, self.path)
        return code
