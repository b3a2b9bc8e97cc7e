"""Entries of a suite, what its axes list with options, sweeps and files of weights, as components."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath, fields_of, parse
from harness.plugins.registry import Kind, Registry, Spec
from harness.suite import sweep, weights
from harness.suite.budget import merge
from harness.suite.cell import Component
from harness.suite.document import Document
from harness.suite.starts import START, Start, read_start
from harness.suite.weights import Starting, Weights, WeightsOptions

SECTIONS = {"method": "methods", "backbone": "backbones", "dataset": "datasets"}
MOST_CELLS = 100_000  # of one suite: more are a slip of the hand, or meant to fill the memory
RESERVED = ("use", "label", "budget")  # keys of an entry that are not options of its component


@dataclass(frozen=True)
class Entry:
    """A component of an axis with what only its entry says: a budget of its own, a start, and where it stands.

    `section`: where the suite may say more of the component, under the name that the entry calls it.
    """

    component: Component
    budget: dict[str, Any]
    path: KeyPath
    section: KeyPath
    start: Start | None = None


class Entries:
    """Reads the entries of one document. Whatever is wrong is a UsageError with "file:line"."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.registry = registry
        self.where = document.where

    def axis(self, kind: Kind, entries: Any, path: KeyPath) -> list[Entry]:
        """All components of one axis, options swept."""
        if entries is None or entries == []:
            raise UsageError(f"{self.where(path)}: the matrix needs at least one {kind}.")
        listed = isinstance(entries, list)
        found: dict[str, Entry] = {}
        for number, entry in enumerate(listed_in(entries)):
            for each in self.entry(kind, entry, (*path, number) if listed else path):
                if each.component.label in found:
                    raise UsageError(f"{each.component.where}: {kind} '{each.component.label}' is listed twice.")
                found[each.component.label] = each
        return list(found.values())

    def entry(self, kind: Kind, entry: Any, path: KeyPath) -> Iterator[Entry]:
        """One entry of an axis, a name or {use: name, option: value or [values]}, as one component per combination."""
        given = {"use": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict) or not isinstance(given.get("use"), str):
            raise UsageError(
                f"{self.where(path)}: a {kind} is a name or '{{use: name, option: value}}', not {entry!r}."
            )
        if not isinstance(given.get("label", ""), str):
            raise UsageError(f"{self.where((*path, 'label'))}: a label is text, not {given['label']!r} (quote it).")
        name: str = given["use"]
        spec = self.spec(kind, name, path)
        section = self.section(kind, spec, name)
        common = self.mapping(section)
        if kind != "method" and "budget" in {**common, **given} and "budget" not in fields_of(spec.config):
            raise UsageError(f"{self.where(path)}: only methods have a budget of their own.")
        budget = merge(self.block(common, (*section, "budget")), self.block(given, (*path, "budget")))
        start = given.get(START) if kind == "method" else None
        begins = None if start is None else read_start(start, (*path, START), self.where)
        own = {key: value for key, value in given.items() if key not in RESERVED and (key, kind) != (START, "method")}
        begun = {START: begins.method} if begins else {}
        both = {**{key: value for key, value in common.items() if key != "budget"}, **own}

        def where(key: KeyPath) -> str:
            return self.where((*path, *key) if not key or key[0] in own else (*section, *key))

        start = {weights.KEY: both.pop(weights.KEY)} if starts_from_file(spec) and weights.KEY in both else {}
        number = sweep.number(spec.config, both) * sweep.number(Starting, start)
        self.refuse_many(number, f"combinations of options of {spec.name}", path)
        for started, listed in sweep.sweep(Starting, start):
            file, name_of = self.weights(started.get(weights.KEY), where)
            from_file = {**listed, **name_of} if weights.KEY in own or listed else {}
            for options, swept in sweep.sweep(spec.config, both):
                told = {**swept, **from_file} if listed else swept
                shown = told if "label" in given else {**own, **begun, **swept, **from_file}
                label = sweep.label(given.get("label", name), shown)
                component = self.component(spec, options, where, label, self.where(path), file)
                yield Entry(component, budget, path, section, begins)

    def weights(self, given: Any, where: Callable[[KeyPath], str]) -> tuple[Weights | None, dict[str, Any]]:
        """The file that a backbone starts from, and what of it a label shows."""
        if given is None:
            return None, {}
        if not isinstance(given, str | dict):
            place = where((weights.KEY,))
            raise UsageError(f"{place}: weights is a file or '{{file: path, key: name, prefix: text}}', not {given!r}.")
        values = {"file": given} if isinstance(given, str) else given
        options = parse(WeightsOptions, values, lambda key: where((weights.KEY, *key)), owner="weights")
        place = where((weights.KEY,))
        try:
            file = self.document.file.parent / _expanded(Path(options.file))
        except UsageError as error:
            raise UsageError(f"{place}: weights: {error}") from error
        return weights.identify(options, file, place), {weights.KEY: options.file}

    def section(self, kind: Kind, spec: Spec, name: str) -> KeyPath:
        """Where the suite has options for all entries of this component, which may be written with its distribution."""
        given = [key for key in self.mapping((SECTIONS[kind],)) if self.registry.find(kind, key) is spec]
        if len(given) > 1:
            place = self.where((SECTIONS[kind], given[1]))
            raise UsageError(
                f"{place}: '{given[0]}' and '{given[1]}' are the same {kind}: put its options in one of them."
            )
        return (SECTIONS[kind], *(given or [name]))

    def component(
        self, spec: Spec, options: Any, where: Any, label: str, place: str, start: Weights | None = None
    ) -> Component:
        parsed: Any = parse(spec.config, options, where, owner=spec.name)
        try:
            component = Component(spec, resolve_paths(parsed, self.document.file.parent), label, place, weights=start)
            _ = component.identity  # a missing file is found here, not in the middle of a run
        except UsageError as error:
            raise UsageError(f"{place}: {label}: {error}") from error
        except OSError as error:  # of the user's files, most likely
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
            raise UsageError(f"{place}: {label}: {reason}.") from error
        except Exception as error:  # whatever a stranger's fingerprint raises
            raise UsageError(f"{place}: {label}: {type(error).__name__}: {error} (in {spec.origin})") from error
        return component

    def known_options(self, spec: Spec, options: Mapping[str, Any], path: KeyPath) -> None:
        """Options of a component that the matrix may not even use; their values are checked where it does."""
        known = {*fields_of(spec.config), *(("budget",) if spec.kind == "method" else ())}
        known |= {weights.KEY} if starts_from_file(spec) else set()
        for key in options:
            if key not in known:
                raise UsageError(f"{self.where((*path, key))}: {spec.name} has no option '{key}'.{nearest(key, known)}")

    def spec(self, kind: Kind, name: Any, path: KeyPath) -> Spec:
        try:
            return self.registry.get(kind, name if isinstance(name, str) else repr(name))
        except UsageError as error:
            raise UsageError(f"{self.where(path)}: {error}") from error

    def refuse_many(self, number: int, what: str, path: KeyPath) -> None:
        """Before they are made. Raises UsageError."""
        if number > MOST_CELLS:
            raise UsageError(f"{self.where(path)}: {number:,} {what} are too many; a suite has at most {MOST_CELLS:,}.")

    def seeds(self, value: Any, path: KeyPath) -> list[int]:
        seeds = listed_in(value)
        for seed in seeds:
            if type(seed) is not int or seed < 0:
                raise UsageError(f"{self.where(path)}: a seed is a whole number of 0 or more, not {seed!r}.")
        if len(set(seeds)) < len(seeds) or not seeds:
            raise UsageError(f"{self.where(path)}: seeds must be at least one, each once.")
        return seeds

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        """The mapping at `path`, empty if there is none."""
        value: Any = self.document.values
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return self.block({str(path[-1]): value}, path)

    def block(self, around: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        value = around.get(str(path[-1]))
        if not isinstance(value, dict | None):
            raise UsageError(f"{self.where(path)}: {path[-1]} must be a mapping of names to values, not {value!r}.")
        return {str(key): each for key, each in (value or {}).items()}


def starts_from_file(spec: Spec) -> bool:
    """Whether `weights` in its entry is the suite's: that of a backbone which has no option of this name itself."""
    return spec.kind == "backbone" and weights.KEY not in fields_of(spec.config)


def listed_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolve_paths(config: Any, folder: Path) -> Any:
    """Relative paths are meant from the suite's folder, not from where the command happens to run."""
    paths = {
        field.name: folder / _expanded(value)
        for field in dataclasses.fields(config)
        if isinstance(value := getattr(config, field.name), Path)
    }
    return dataclasses.replace(config, **paths) if paths else config


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path}: there is no user '{path.parts[0].removeprefix('~')}'.") from error
