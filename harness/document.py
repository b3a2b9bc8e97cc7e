"""A YAML document with its interpolations resolved, which remembers on which line each key stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import UsageError
from harness.options import KeyPath


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


def read(file: Path) -> Document:
    """Raises UsageError if the file cannot be read, is not YAML, is no mapping, or an interpolation fails."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise UsageError(f"{file}: cannot be read: {reason}.") from error
    try:
        lines, values = _parse(text)
        if "${" in text:
            values = _resolve(values, file, lines)
    except RecursionError as error:
        raise UsageError(f"{file}: an alias contains itself, or lists and mappings are nested too deep.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}:{line}: not valid YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file}:1: a suite is a mapping of names to values.")
    return Document(file, _text_keys(values), lines)


class _Plain(yaml.SafeLoader):
    """Slow, with good messages."""


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former where libyaml is there


class _Quick(_Fastest):
    """Made for long lists: ten thousand seeds."""


for _loader in (_Plain, _Quick):  # as OmegaConf reads YAML: 1e-3 is a number, and a date is text
    _loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def _parse(text: str) -> tuple[dict[KeyPath, int], Any]:
    """The line of every key, and the values. Raises YAMLError."""
    loader: Any
    try:
        loader = _Quick(text)
        node = loader.get_single_node()
    except yaml.YAMLError:
        loader = _Plain(text)
        node = loader.get_single_node()
    if node is None:
        return {}, {}
    lines = _lines(node)
    _refuse_duplicates(node)
    try:
        return lines, loader.construct_document(node)
    except (TypeError, ValueError) as error:  # a key that is a list, or a number that is none
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _refuse_duplicates(root: yaml.Node) -> None:
    """Raises YAMLError for a key that is given twice. Before values are made: that moves merged keys about."""
    left, met = [root], set()
    while left:
        node = left.pop()
        if id(node) in met or isinstance(node, yaml.ScalarNode):
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
            continue
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a name or a number", key.start_mark)
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(None, None, f"found duplicate key {key.value}", key.start_mark)
            seen.add(key.value)
            left.append(value)


def _resolve(values: Any, file: Path, lines: dict[KeyPath, int]) -> Any:
    """Interpolations as OmegaConf resolves them; without any it need not load, nor wrap each value."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(OmegaConf.create(values), resolve=True)
    except OmegaConfBaseException as error:
        path = tuple((error.full_key or "").replace("[", ".").replace("]", "").split("."))
        place = Document(file, {}, lines).where(tuple(int(key) if key.isdigit() else key for key in path))
        raise UsageError(f"{place}: {str(error).splitlines()[0]}.") from error


def _text_keys(value: Any) -> Any:
    """All keys as text: a label such as 1 or `on` is a number or a switch to YAML."""
    if isinstance(value, dict):
        return {str(key): _text_keys(each) for key, each in value.items()}
    return [_text_keys(each) for each in value] if isinstance(value, list) else value


def _lines(node: yaml.Node | None, path: KeyPath = ()) -> dict[KeyPath, int]:
    """The line of every key and list item below `node`."""
    lines: dict[KeyPath, int] = {}
    children: list[tuple[str | int, yaml.Node, int]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(str(key.value), value, key.start_mark.line + 1) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(number, value, value.start_mark.line + 1) for number, value in enumerate(node.value)]
    for key, value, line in children:
        lines[(*path, key)] = line
        if not isinstance(value, yaml.ScalarNode):
            lines |= _lines(value, (*path, key))
    return lines
