"""A YAML document that remembers the line of each key, with its interpolations resolved."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath
from harness.suite import named_budgets
from harness.suite.interpolation import resolve
from harness.suite.yaml_reader import not_allowed, parse, text_keys

MOST_BYTES = 4_000_000  # a suite is small: what is larger was made to fill the memory, or by mistake


@dataclass(frozen=True)
class Document:
    """`values`: plain dicts, lists and scalars. `where` names the place of a key path."""

    file: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]

    def where(self, path: KeyPath = ()) -> str:
        """ "file:line" of the key path, or of the nearest key around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"

    @property
    def root(self) -> Node:
        return Node(self, (), self.values)


@dataclass(frozen=True)
class Node:
    """A value of a document with the keys that lead to it. Keys that the document lacks have the value None."""

    document: Document
    path: KeyPath
    value: Any

    def where(self, key: KeyPath = ()) -> str:
        """ "file:line" of what is below this node, or of the nearest key around it."""
        return self.document.where((*self.path, *key))

    @property
    def place(self) -> str:
        return self.where()

    def error(self, message: str) -> UsageError:
        """A mistake in this value."""
        return UsageError(f"{self.place}: {message}")

    def child(self, key: str | int) -> Node:
        """The node under a key of a mapping, or at a position of a list."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        if isinstance(self.value, list) and isinstance(key, int):
            value = self.value[key]
        return Node(self.document, (*self.path, key), value)

    def mapping(self) -> dict[str, Any]:
        """The values by key, none where the document says nothing. Raises UsageError for anything else."""
        if not isinstance(self.value, dict | None):
            raise self.error(f"{self.path[-1]} must be a mapping of names to values, not {self.value!r}.")
        return {str(key): each for key, each in (self.value or {}).items()}

    def children(self) -> dict[str, Node]:
        """The values of a mapping by key, as nodes."""
        return {key: self.child(key) for key in self.mapping()}

    def listed(self) -> list[Node]:
        """The nodes of a list; for a single value, which can stand for a list of one, the node itself."""
        return [self.child(number) for number in range(len(self.value))] if isinstance(self.value, list) else [self]

    def refuse_others(self, known: Collection[str], lacks: str) -> None:
        """Raises UsageError for a key of the mapping that is not known, with the nearest that is. `lacks`: what the
        message says before the key."""
        for key, child in self.children().items():
            if key not in known:
                raise child.error(f"{lacks} '{key}'.{nearest(key, known)}")


def read(file: Path, budget: str | None = None) -> Document:
    """`budget`: which of the named ones changes the suite, before interpolations are resolved.

    Raises UsageError if the file cannot be read, is not YAML, is no mapping, or an interpolation fails."""
    return read_text(_text(file), file, budget)


def read_text(text: str, file: Path, budget: str | None = None) -> Document:
    """The same of a text that is, or is about to be, the content of `file`."""
    try:
        lines, values = parse(text)
    except RecursionError as error:
        raise UsageError(f"{file}: lists and mappings are nested too deep.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        before = f"{error.context}, " if error.context and str(error.problem).startswith("but ") else ""
        raise UsageError(f"{file}:{line}: not valid YAML: {before}{error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(f"{file}:{line}: not valid YAML: {not_allowed(text[error.position])}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file}:1: a suite is a mapping of names to values.")
    document = _choose_budget(Document(file, text_keys(values), lines), budget)
    return Document(file, resolve(document.values, document.where), document.lines) if "${" in text else document


def scalar(text: str, where: str) -> Any:
    """One value, as a suite would have it: "60" is a number. Raises UsageError if it is not YAML."""
    try:
        return text_keys(parse(text)[1]) if text.strip() else None
    except (yaml.YAMLError, RecursionError) as error:
        problem = getattr(error, "problem", None) or "not a value"
        raise UsageError(f"{where}: not valid YAML: {problem} (quote it).") from error


def _choose_budget(document: Document, budget: str | None) -> Document:
    try:
        values = named_budgets.choose(document.values, budget)
    except UsageError as error:
        raise UsageError(f"{document.where((named_budgets.SECTION,))}: {error}") from error
    return Document(document.file, values, named_budgets.moved(document.lines, budget))


def _text(file: Path) -> str:
    """Raises UsageError if the file cannot be read, is far too long for a suite, or is not UTF-8."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)  # of what may have no end, such as a device
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{file}: cannot be read: {reason}.") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{file}: is too large for a suite: more than {MOST_BYTES:,} bytes.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{file}:{line}: cannot be read: not UTF-8 text.") from error
