"""A YAML document with its interpolations resolved, which remembers on which line each key stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

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
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
        config = OmegaConf.create(text)
        values = OmegaConf.to_container(config, resolve=True)
    except RecursionError as error:
        raise UsageError(f"{file}: an alias contains itself.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}:{line}: not valid YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not valid YAML: {' '.join(str(error).split())}.") from error
    except OmegaConfBaseException as error:
        path = tuple((error.full_key or "").replace("[", ".").replace("]", "").split("."))
        place = Document(file, {}, lines).where(tuple(int(key) if key.isdigit() else key for key in path))
        raise UsageError(f"{place}: {str(error).splitlines()[0]}.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file}:1: a suite is a mapping of names to values.")
    return Document(file, _text_keys(values), lines)


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
        lines |= _lines(value, (*path, key))
    return lines
