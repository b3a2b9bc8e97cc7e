"""A YAML document with its interpolations resolved, which remembers on which line each key stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness import named
from harness.errors import UsageError
from harness.options import KeyPath

# A suite is small, whoever wrote it: what is larger was made to fill the memory, or by mistake.
MOST_BYTES = 4_000_000
MOST_VALUES = 1_000_000  # with aliases written out
MOST_RESOLVED = 200_000  # with interpolations as well: OmegaConf takes a kilobyte for each; of text, characters count
MOST_LEVELS = 32


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


def read(file: Path, budget: str | None = None) -> Document:
    """`budget`: which of the named ones changes the suite, before interpolations are resolved.

    Raises UsageError if the file cannot be read, is not YAML, is no mapping, or an interpolation fails."""
    text = _text(file)
    try:
        lines, values = _parse(text)
    except RecursionError as error:
        raise UsageError(f"{file}: lists and mappings are nested too deep.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        before = f"{error.context}, " if error.context and str(error.problem).startswith("but ") else ""
        raise UsageError(f"{file}:{line}: not valid YAML: {before}{error.problem}.") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(f"{file}:{line}: not valid YAML: {_not_allowed(text[error.position])}.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise UsageError(f"{file}:1: a suite is a mapping of names to values.")
    document = _chosen(Document(file, _text_keys(values), lines), budget)
    return Document(file, _resolve(document), document.lines) if "${" in text else document


def scalar(text: str, where: str) -> Any:
    """One value, as a suite would have it: "60" is a number. Raises UsageError if it is not YAML."""
    try:
        return _text_keys(_parse(text)[1]) if text.strip() else None
    except (yaml.YAMLError, RecursionError) as error:
        problem = getattr(error, "problem", None) or "not a value"
        raise UsageError(f"{where}: not valid YAML: {problem} (quote it).") from error


def _chosen(document: Document, budget: str | None) -> Document:
    try:
        values = named.choose(document.values, budget)
    except UsageError as error:
        raise UsageError(f"{document.where((named.SECTION,))}: {error}") from error
    return Document(document.file, values, named.moved(document.lines, budget))


def _text(file: Path) -> str:
    """Raises UsageError if the file cannot be read, is far too long for a suite, or is not UTF-8."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)  # of what may have no end, such as a device
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{file}: cannot be read: {reason}.") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{file}: is longer than {MOST_BYTES:,} bytes, which no suite is.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{file}:{line}: cannot be read: not UTF-8 text.") from error


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
        _refuse_depth(text)
        loader = _Quick(text)
        node = loader.get_single_node()
    except TooDeepError:
        raise
    except yaml.YAMLError:
        loader = _Plain(text)
        node = loader.get_single_node()
    if node is None:
        return {}, {}
    _refuse_growth(node, {})
    _refuse_keys_and_characters(node)
    try:
        return _lines(node), loader.construct_document(node)
    except yaml.YAMLError:
        raise
    except Exception as error:  # a number that is none, a date that is none: PyYAML lets through what it meets
        problem = str(error) if isinstance(error, TypeError | ValueError) else "a value is not what its tag says"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


class TooDeepError(yaml.MarkedYAMLError):
    """Lists and mappings within each other beyond what a suite needs."""


def _refuse_depth(text: str) -> None:
    """Raises YAMLError. Before nodes are made: to make those, libyaml's binding recurses until the process dies."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=_Quick):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_LEVELS:
            raise TooDeepError(problem=f"nested more than {MOST_LEVELS} levels deep", problem_mark=event.start_mark)


def _refuse_growth(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many values a node is once its aliases are written out. Raises YAMLError for one that contains itself, or for
    too many: ten aliases of ten aliases of ten ..."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = 0  # while its children are counted
        children = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        sizes[id(node)] = 1 + sum(_refuse_growth(each, sizes) for each in children)
    size = sizes[id(node)]
    if size == 0:
        raise yaml.MarkedYAMLError(problem="an alias contains itself", problem_mark=node.start_mark)
    if size > MOST_VALUES:
        problem = f"with its aliases written out, this is more than {MOST_VALUES:,} values"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return size


LONGEST_NUMBER = 300  # digits: Python refuses to print some thousands

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # would act on a terminal, or cannot be written


_NOT_TEXT = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null"))


def _not_allowed(character: str) -> str:
    return f"the character U+{ord(character):04X} is not allowed"


def _refuse_keys_and_characters(root: yaml.Node) -> None:
    """Raises YAMLError for a key that is given twice, and for characters that no name has.

    Before values are made: that moves merged keys about. A key stays the text that it is, as a label such as 1 or `on`
    is a number or a switch to YAML, and of `yes` and `true` one would be lost.
    """
    left, met = [root], set()
    while left:
        node = left.pop()
        if isinstance(node, yaml.ScalarNode):
            if found := _CONTROL.search(node.value):
                raise yaml.MarkedYAMLError(problem=_not_allowed(found[0]), problem_mark=node.start_mark)
            if node.tag.endswith(":int") and len(node.value) > LONGEST_NUMBER:
                problem = f"a number of {len(node.value):,} digits"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
            continue
        if id(node) in met:
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
            key.tag = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG if key.tag in _NOT_TEXT else key.tag
            left += (key, value)


def _resolve(document: Document) -> dict[str, Any]:
    """Interpolations as OmegaConf resolves them; without any it need not load, nor wrap each value."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _References(document).check(document.values, ())
    try:
        values: Any = OmegaConf.to_container(OmegaConf.create(document.values), resolve=True)
    except (OmegaConfBaseException, RecursionError) as error:
        path = _path(getattr(error, "full_key", None) or "")
        first = str(error).partition("\n")[0].removesuffix(".")
        raise UsageError(f"{document.where(path)}: {first}.") from error
    return _text_keys(values)


def _keys(reference: str) -> list[str]:
    """OmegaConf's `a.b[0]` as ["a", "b", "0"]."""
    return reference.replace("[", ".").replace("]", "").split(".")


def _path(reference: str) -> KeyPath:
    return tuple(int(key) if key.isdecimal() and len(key) < 10 else key for key in _keys(reference))


_KEY = r"[^\\{}()\[\]:.\s'\"$]+"
_REFERENCE = re.compile(rf"\$\{{\s*({_KEY}(?:\.{_KEY}|\[{_KEY}\])*)\s*\}}")


class _References:
    """What may be interpolated: other values of the document, by their whole path.

    OmegaConf's resolvers are refused: they read the environment (`oc.env`), and one imports any module (`oc.coerce`).
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.sizes: dict[str, int] = {}

    def check(self, value: Any, path: KeyPath) -> int:
        """How much a value is once resolved: values, and characters of text. Raises UsageError."""
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        size = 1 + sum(self.check(each, (*path, key)) for key, each in children)
        if isinstance(value, str) and "${" in value:
            if "${" in _REFERENCE.sub("", value):
                raise UsageError(
                    f"{self.document.where(path)}: an interpolation is written '${{key.path}}' and names another value "
                    "of this file; resolvers, such as oc.env, are not allowed."
                )
            size = len(value) + sum(map(self._target, _REFERENCE.findall(value)))
        elif isinstance(value, str):
            size = len(value)
        if size > MOST_RESOLVED:
            place = self.document.where(path)
            raise UsageError(f"{place}: with its interpolations, this is more than {MOST_RESOLVED:,} values.")
        return size

    def _target(self, reference: str) -> int:
        if reference not in self.sizes:
            self.sizes[reference] = 0  # while it is counted: what refers to itself is left to OmegaConf to name
            value: Any = self.document.values
            for key in _keys(reference):
                value = _child(value, key)
            self.sizes[reference] = self.check(value, _path(reference))
        return self.sizes[reference]


def _child(value: Any, key: str) -> Any:
    """None if there is none."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):
        return value[int(key)]
    return None


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
