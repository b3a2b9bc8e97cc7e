"""Parses the YAML of suites: plain values, unique keys, and limits on depth and size."""

from __future__ import annotations

import re
from typing import Any

import yaml

from harness.plugins.options import KeyPath

MOST_VALUES = 1_000_000  # with aliases written out
MOST_LEVELS = 32
LONGEST_NUMBER = 300  # digits: Python refuses to print some thousands


class _Plain(yaml.SafeLoader):
    """The slow loader of PyYAML, which has good messages."""


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former where libyaml is there


class _Quick(_Fastest):
    """The fast loader, for long lists such as ten thousand seeds."""


for _loader in (_Plain, _Quick):  # as OmegaConf reads YAML: 1e-3 is a number, and a date is text
    _loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


def parse(text: str) -> tuple[dict[KeyPath, int], Any]:
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
        problem = str(error) if isinstance(error, TypeError | ValueError) else "a value does not fit its tag"
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


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # would act on a terminal, or cannot be written


_NOT_TEXT = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null"))


def _surprise(number: str) -> str:
    """Why YAML 1.1 reads a number as few people expect, or ""."""
    digits = number.lstrip("+-").replace("_", "")
    if ":" in digits:
        read = f"{yaml.safe_load(number):g}"
        return f"YAML reads {number} as {read}, like hours and minutes: write {read}, or quote the text"
    if len(digits) > 1 and digits[0] == "0" and digits.isdecimal():
        read = yaml.safe_load(number)
        return f"YAML reads {number} as {read}, as it begins with a 0: write {read}, or leave out the 0"
    return ""


def not_allowed(character: str) -> str:
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
                raise yaml.MarkedYAMLError(problem=not_allowed(found[0]), problem_mark=node.start_mark)
            if node.tag.endswith(":int") and len(node.value) > LONGEST_NUMBER:
                problem = f"a number of {len(node.value):,} digits"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
            if node.tag.endswith((":int", ":float")) and (problem := _surprise(node.value)):
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


def text_keys(value: Any) -> Any:
    """All keys as text: a label such as 1 or `on` is a number or a switch to YAML."""
    if isinstance(value, dict):
        return {str(key): text_keys(each) for key, each in value.items()}
    return [text_keys(each) for each in value] if isinstance(value, list) else value


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
