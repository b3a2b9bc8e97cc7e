"""Reads the entries of a suite's axes, with options, sweeps and files of weights, as components."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.base.errors import UsageError
from harness.plugins.options import KeyPath, fields_of, parse
from harness.plugins.registry import OF, SUITE_KEYS, Kind, Registry, Spec
from harness.suite import sweep, weights
from harness.suite.budget import merge
from harness.suite.cell import Component
from harness.suite.document import Document, Node
from harness.suite.starts import START, Start, read_start
from harness.suite.weights import Starting, Weights, WeightsOptions

SECTIONS = {"method": "methods", "backbone": "backbones", "dataset": "datasets"}
MOST_CELLS = 100_000  # of one suite: more are a slip of the hand, or meant to fill the memory


@dataclass(frozen=True)
class Entry:
    """A component of an axis with what only its entry says: a budget of its own, a start, and where it stands.

    `section`: where the suite may say more of the component, under the name that the entry calls it.
    """

    component: Component
    budget: dict[str, Any]
    node: Node
    section: Node
    start: Start | None = None


class Entries:
    """Reads the entries of one document. Whatever is wrong is a UsageError with "file:line"."""

    def __init__(self, document: Document, registry: Registry) -> None:
        self.document = document
        self.root = document.root
        self.registry = registry

    def axis(self, kind: Kind, entries: Node) -> list[Entry]:
        """All components of one axis, options swept."""
        if entries.value is None or entries.value == []:
            raise entries.error(f"the matrix needs at least one {kind}.")
        found: dict[str, Entry] = {}
        for node in entries.listed():
            for each in self.entry(kind, node):
                if each.component.label in found:
                    raise UsageError(f"{each.component.where}: {kind} '{each.component.label}' is listed twice.")
                found[each.component.label] = each
        return list(found.values())

    def entry(self, kind: Kind, node: Node) -> Iterator[Entry]:
        """One entry of an axis, a name or {use: name, option: value or [values]}, as one component per combination."""
        given = {"use": node.value} if isinstance(node.value, str) else node.value
        if not isinstance(given, dict) or not isinstance(given.get("use"), str):
            raise node.error(f"a {kind} is a name or '{{use: name, option: value}}', not {node.value!r}.")
        if not isinstance(given.get("label", ""), str):
            raise node.child("label").error(f"a label is text, not {given['label']!r} (quote it).")
        name: str = given["use"]
        spec = self.spec(kind, node.child("use") if isinstance(node.value, dict) else node)
        section = self.section(kind, spec, name)
        common = section.mapping()
        if kind != "method" and "budget" in {**common, **given}:
            raise node.error("only methods have a budget of their own.")
        budget = merge(section.child("budget").mapping(), node.child("budget").mapping())
        start = node.child(START) if kind == "method" else None
        begins = None if start is None or start.value is None else read_start(start)
        own = {key: value for key, value in given.items() if key not in SUITE_KEYS[kind]}
        begun = {START: begins.method} if begins else {}
        both = {**{key: value for key, value in common.items() if key != "budget"}, **own}

        def where(key: KeyPath) -> str:
            return node.where(key) if not key or key[0] in own else section.where(key)

        of = both.pop(OF, None) if spec.combines else None
        parts = self.parts(spec, of, (node if OF in own else section).child(OF), node) if spec.combines else {}
        file = {weights.KEY: both.pop(weights.KEY)} if starts_from_file(spec) and weights.KEY in both else {}
        number = sweep.number(spec.config, both) * sweep.number(Starting, file)
        self.refuse_many(number, f"combinations of options of {spec.name}", node)
        for started, listed in sweep.sweep(Starting, file):
            loaded, name_of = self.weights(started.get(weights.KEY), where)
            from_file = {**listed, **name_of} if weights.KEY in own or listed else {}
            for options, swept in sweep.sweep(spec.config, both):
                told = {**swept, **from_file} if listed else swept
                shown = told if "label" in given else {**own, **begun, **swept, **from_file}
                label = sweep.label(given.get("label", name), shown)
                component = self.component(spec, options, where, label, node.place, loaded)
                component = replace(component, parts=parts) if parts else component
                yield Entry(component, budget, node, section, begins)

    def parts(self, spec: Spec, given: Any, node: Node, entry: Node) -> dict[str, Component]:
        """The data sets that one is made of, by name. Names are sorted, so that the order in a suite changes no id."""
        if not given or not isinstance(given, dict):
            example = f"{{use: {spec.name}, {OF}: {{glyphs: {{}}, mine: {{use: image_folder, path: pictures}}}}}}"
            raise (node if given else entry).error(f"{spec.name} needs '{OF}', data sets by name, such as {example}.")
        found = {}
        for name, child in sorted(node.children().items(), key=lambda each: str(each[0])):
            values = {"use": child.value} if isinstance(child.value, str) else child.value or {}
            filled = replace(child, value={"use": name, **values} if isinstance(values, dict) else values)
            components = [each.component for each in self.entry("dataset", filled)]
            if len(components) > 1:
                raise child.error("it names one data set: list each option's values as data sets of their own.")
            if components[0].spec.modality != spec.modality:
                raise child.error(
                    f"{components[0].spec.name} gives {components[0].spec.modality}, not {spec.modality}."
                )
            found[str(name)] = components[0]
        return found

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
            file = self.document.file.parent / expanded(Path(options.file))
        except UsageError as error:
            raise UsageError(f"{place}: weights: {error}") from error
        return weights.identify(options, file, place), {weights.KEY: options.file}

    def section(self, kind: Kind, spec: Spec, name: str) -> Node:
        """Where the suite has options for all entries of this component, which may be written with its distribution."""
        sections = self.root.child(SECTIONS[kind])
        given = [key for key in sections.mapping() if self.registry.find(kind, key) is spec]
        if len(given) > 1:
            raise sections.child(given[1]).error(
                f"'{given[0]}' and '{given[1]}' are the same {kind}: put its options in one of them."
            )
        return sections.child((given or [name])[0])

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

    def known_options(self, spec: Spec, options: Node) -> None:
        """Options of a component that the matrix may not even use; their values are checked where it does."""
        known = {*fields_of(spec.config), *(("budget",) if spec.kind == "method" else ())}
        known |= {weights.KEY} if starts_from_file(spec) else {OF} if spec.combines else set()
        options.refuse_others(known, f"{spec.name} has no option")

    def spec(self, kind: Kind, name: Node) -> Spec:
        try:
            return self.registry.get(kind, name.value if isinstance(name.value, str) else repr(name.value))
        except UsageError as error:
            raise name.error(str(error)) from error

    def refuse_many(self, number: int, what: str, node: Node) -> None:
        """Raises UsageError if there are too many of something, before they are made."""
        if number > MOST_CELLS:
            raise node.error(f"{number:,} {what} are too many; a suite has at most {MOST_CELLS:,}.")

    def seeds(self, node: Node) -> list[int]:
        seeds = listed_in(node.value)
        for seed in seeds:
            if type(seed) is not int or seed < 0:
                raise node.error(f"a seed is a whole number of 0 or more, not {seed!r}.")
        if len(set(seeds)) < len(seeds) or not seeds:
            raise node.error("seed must list at least one seed, and none twice.")
        return seeds


def starts_from_file(spec: Spec) -> bool:
    """Whether `weights` in its entry is the suite's: that of a backbone which has no option of this name itself."""
    return spec.kind == "backbone" and weights.KEY not in fields_of(spec.config)


def listed_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolve_paths(config: Any, folder: Path) -> Any:
    """Relative paths are meant from the suite's folder, not from where the command happens to run."""
    paths = {
        field.name: folder / expanded(value)
        for field in dataclasses.fields(config)
        if isinstance(value := getattr(config, field.name), Path)
    }
    return dataclasses.replace(config, **paths) if paths else config


def expanded(path: Path) -> Path:
    """With a home folder for `~`. Raises UsageError for a user that there is not."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path}: there is no user '{path.parts[0].removeprefix('~')}'.") from error
