"""Options of components: the fields of their `Config` dataclasses, read from YAML and checked."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from harness.base.errors import UsageError, nearest

C = TypeVar("C")
KeyPath = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The `Config` of a component without options."""


Identity = bool | Literal["unless default"]


def option(default: Any = dataclasses.MISSING, help: str = "", *, identity: Identity = True) -> Any:  # noqa: A002 (argparse's own name)
    """Declare an option: a field of a `Config` dataclass.

    Args:
        default: Its default; without one, the user must set it.
        help: One line for `harness show`.
        identity: Whether it decides the result, and so is part of a cell's id. False for a path or the size of a cache.
            "unless default" for an option that was added to a component later and whose default changes nothing: ids
            from before stay the same.

    Returns:
        A dataclass field.
    """
    metadata = {"help": help, "identity": identity}
    if dataclasses.is_dataclass(default) and not isinstance(default, type):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata, kw_only=True)
    return dataclasses.field(default=default, metadata=metadata, kw_only=True)


def parse(config: type[C], values: Any, where: Callable[[KeyPath], str], path: KeyPath = (), owner: str = "") -> C:
    """Make an instance of `config` from YAML values.

    `where` converts a path of keys to "file:line" for messages; `owner` is the name of the component. Raises UsageError
    for an unknown key, a missing value, a value of a wrong type, or a ValueError of `__post_init__`.
    """
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise UsageError(f"{where(path)}: {owner} takes options as 'name: value', not {values!r}.")
    hints = fields_of(config)  # type: ignore[arg-type]  # a type is hashable
    given = {}
    for key, value in values.items():
        if key not in hints:
            what = f"has no option '{key}'" if hints else f"has no options, so '{key}' cannot be set"
            raise UsageError(f"{where((*path, key))}: {owner} {what}.{nearest(str(key), hints)}")
        given[key] = _read(hints[key], value, where, (*path, key), f"{owner}.{key}")
    for field in dataclasses.fields(typing.cast(Any, config)):
        if not has_default(field) and field.name not in given:
            raise UsageError(f"{where(path)}: {owner} needs '{field.name}' ({field.metadata.get('help', '')}).")
    try:
        return config(**given)
    except ValueError as error:
        raise UsageError(f"{where(path)}: {owner}: {error}") from error
    except Exception as error:  # a stranger's check of options: its fault, but no reason for a traceback
        raise UsageError(f"{where(path)}: {owner}: {type(error).__name__}: {error}") from error


@cache
def fields_of(config: type) -> dict[str, Any]:
    """Name and type of every option. Cached for each type, so do not change the result."""
    hints = typing.get_type_hints(config)
    return {field.name: hints[field.name] for field in dataclasses.fields(config)}


def has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def as_plain(config: Any) -> dict[str, Any]:
    """All options and their values, in types that JSON has."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def identity_of(config: Any) -> dict[str, Any]:
    """The options that are part of ids, in types that JSON has."""
    plain = as_plain(config)
    return {field.name: plain[field.name] for field in dataclasses.fields(config) if _decides(field, config)}


def _decides(field: dataclasses.Field[Any], config: Any) -> bool:
    identity: Identity = field.metadata.get("identity", True)
    return getattr(config, field.name) != field.default if identity == "unless default" else identity


def added_to(config: type) -> dict[str, Any]:
    """The options that components got once they had results, and what was so before."""
    fields = dataclasses.fields(config)
    return {field.name: _plain(field.default) for field in fields if field.metadata.get("identity") == "unless default"}


def accepts_list(kind: Any) -> bool:
    """Whether a YAML list is one value of this type, rather than a sweep over values."""
    return get_origin(kind) is tuple or any(accepts_list(arm) for arm in _arms(kind))


def type_name(kind: Any) -> str:
    """A type in words for users: 'int', 'inductive | transductive', 'list of float'."""
    arms = _arms(kind)
    if arms:
        return " | ".join("none" if arm is type(None) else type_name(arm) for arm in arms)
    if get_origin(kind) is Literal:
        return " | ".join(str(choice) for choice in get_args(kind))
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        return f"list of {type_name(inner[0])}" if inner[-1] is Ellipsis else f"[{', '.join(map(type_name, inner))}]"
    return (
        "path"
        if kind is Path
        else "options"
        if dataclasses.is_dataclass(kind)
        else getattr(kind, "__name__", str(kind))
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_plain(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _arms(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else ()


def _read(kind: Any, value: Any, where: Callable[[KeyPath], str], path: KeyPath, owner: str) -> Any:
    """`value` as a `kind`. Raises UsageError that says what was expected."""
    arms = _arms(kind)
    if arms:
        if value is None and type(None) in arms:
            return None
        rest = [arm for arm in arms if arm is not type(None)]
        if len(rest) == 1:
            return _read(rest[0], value, where, path, owner)
        for arm in rest:
            try:
                return _read(arm, value, where, path, owner)
            except UsageError:
                continue
    elif dataclasses.is_dataclass(kind):
        return parse(typing.cast(type, kind), value, where, path, owner)
    elif get_origin(kind) is tuple:
        return _read_tuple(kind, value, where, path, owner)
    elif get_origin(kind) is Literal:
        choices = get_args(kind)
        if any(value == choice and type(value) is type(choice) for choice in choices):
            return value
        raise UsageError(f"{where(path)}: {owner} is {value!r}.{nearest(str(value), map(str, choices))}")
    elif kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:  # neither NaN
        return float(value)
    elif kind is Path and type(value) is str and value:
        return Path(value)
    elif kind in (bool, int, str) and type(value) is kind:
        return value
    hint = " (quote it)" if kind is str and isinstance(value, (bool, int, float)) else ""
    raise UsageError(f"{where(path)}: {owner} must be {type_name(kind)}, not {value!r}{hint}.")


def _read_tuple(kind: Any, value: Any, where: Callable[[KeyPath], str], path: KeyPath, owner: str) -> tuple[Any, ...]:
    inner = get_args(kind)
    if not isinstance(value, list):
        raise UsageError(f"{where(path)}: {owner} must be {type_name(kind)}, not {value!r}.")
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * len(value)
    if len(inner) != len(value):
        raise UsageError(f"{where(path)}: {owner} must have {len(inner)} values, not {len(value)}.")
    return tuple(
        _read(each, item, where, (*path, i), f"{owner}[{i}]")
        for i, (each, item) in enumerate(zip(inner, value, strict=True))
    )
