"""benchmarks.yaml -> Suite: every name, key and type checked before anything is imported or trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath, fields_of, parse
from harness.plugins.registry import Kind, Registry, Spec, registry
from harness.suite import named_budgets, sweep
from harness.suite.budget import Budget, merge
from harness.suite.cell import Cell, Component, evaluator_id
from harness.suite.document import Document, read
from harness.suite.matrix import Matrix, Point, names_of
from harness.suite.starts import START, Start, named, parents, read_start, with_starts
from harness.suite.tolerances import SECTION, Gate, read_gate

AXES: tuple[Literal["method", "backbone", "dataset"], ...] = ("method", "backbone", "dataset")
SECTIONS = {"method": "methods", "backbone": "backbones", "dataset": "datasets"}
KEYS = (
    "name",
    "matrix",
    "budget",
    "evaluators",
    "include",
    "exclude",
    "executor",
    SECTION,
    *SECTIONS.values(),
)
COMMON_BUDGET = {"steps": None, "epochs": None, "batch_size": 128, "precision": "fp32"}  # what makes cells comparable
MOST_CELLS = 100_000  # of one suite: more are a slip of the hand, or meant to fill the memory
ONLY = "only"  # of an evaluator: the methods that it is for
RESERVED = ("use", "label", "budget")  # keys of an entry that are not options of its component


@dataclass(frozen=True)
class Suite:
    """A checked suite: its cells in the order to run them, with those that are only started from; its evaluators by
    label."""

    name: str
    file: Path
    cells: tuple[Cell, ...]
    evaluators: tuple[Component, ...]
    only: Mapping[str, tuple[str, ...]]  # by an evaluator's label, the methods that it is for; none: all
    executor: Component | None
    gate: Gate = field(default_factory=Gate)


def load_suite(file: Path | str, known: Registry | None = None, budget: str | None = None) -> Suite:
    """Read a suite's file, with one of its named budgets. `known`: the components there are, by default all installed.

    Raises UsageError with "file:line" for whatever is wrong in the suite.
    """
    return _Reader(read(Path(file), budget), known or registry(), budget).suite()


class _Reader:
    def __init__(self, document: Document, registry: Registry, budget: str | None = None) -> None:
        self.document = document
        self.suffix = f"-{budget}" if budget else ""
        self.registry = registry
        self.where = document.where
        self.budgets: dict[tuple[int, int], tuple[Component, Budget, dict[str, Any]]] = {}  # by the id()s of entries
        self.parents: dict[int, Entry] = {}
        self.datasets: dict[int, Entry] = {}  # of starts that have one of their own, by the id() of the method's entry
        self.made: dict[tuple[int, int, int, int, Budget], Cell] = {}
        for key in document.values:
            if key not in KEYS:
                meant = nearest(key, (*KEYS, named_budgets.SECTION))
                raise UsageError(f"{self.where((key,))}: a suite has no '{key}'.{meant}")

    def suite(self) -> Suite:
        name = self.document.values.get("name", self.document.file.stem)
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"{self.where(('name',))}: name must be text, not {name!r}.")
        for kind, section in SECTIONS.items():
            for used in self.mapping((section,)):
                spec = self.spec(kind, used, (section, used))  # type: ignore[arg-type]  # the keys of SECTIONS are kinds
                self.known_options(spec, self.mapping((section, used)), (section, used))
        matrix = self.matrix()
        self.refuse_many(matrix.size(), "cells", ("matrix",))
        self.resolve_starts(matrix)
        points = matrix.points()
        if not points:
            raise UsageError(f"{self.where(('exclude',))}: every cell of the matrix is excluded.")
        cells: dict[str, Cell] = {}
        for cell in (self.cell(name + self.suffix, point) for point in points):
            if (same := cells.setdefault(cell.id, cell)) is not cell:
                raise UsageError(f"{cell.method.where}: '{cell.name()}' is the same cell as '{same.name()}'.")
        evaluators = tuple(self.evaluators())
        methods = {each for cell in cells.values() for each in names_of(cell.method)}
        only = {each.label: self.only(each.label, methods) for each in evaluators}
        whole = name + self.suffix
        gate = read_gate(self.document.values.get(SECTION), self.where, [each.label for each in evaluators])
        every = tuple(with_starts(cells).values())
        return Suite(whole, self.document.file, every, evaluators, only, self.executor(), gate)

    def matrix(self) -> Matrix[Entry]:
        axes = self.mapping(("matrix",))
        for key in axes:
            if key not in (*AXES, "seed"):
                raise UsageError(
                    f"{self.where(('matrix', key))}: the matrix has no axis '{key}'.{nearest(key, (*AXES, 'seed'))}"
                )
        components: dict[str, list[Entry]] = {axis: self.axis(axis, axes.get(axis), ("matrix", axis)) for axis in AXES}
        seeds = self.seeds(axes.get("seed", [0]), ("matrix", "seed"))
        include: list[tuple[dict[str, list[Entry]], list[int]]] = [
            (
                {axis: self.axis(axis, entry[axis], (*path, axis)) for axis in AXES if axis in entry},
                self.seeds(entry["seed"], (*path, "seed")) if "seed" in entry else seeds,
            )
            for entry, path in self.points("include")
        ]
        exclude = [
            ({key: _listed(value) for key, value in entry.items()}, path) for entry, path in self.points("exclude")
        ]
        matrix = Matrix(components, seeds, include, [entry for entry, _ in exclude])
        for entry, path in exclude:
            for axis, values in entry.items():
                if axis == "seed":
                    self.seeds(values, (*path, axis))
                matrix.require(axis, values, self.where((*path, axis)))
        return matrix

    def points(self, section: str) -> Iterator[tuple[dict[str, Any], KeyPath]]:
        """The entries of `include` or `exclude`, each a partial point of the matrix."""
        entries = self.document.values.get(section) or []
        if not isinstance(entries, list):
            raise UsageError(f"{self.where((section,))}: {section} must be a list of points of the matrix.")
        for number, entry in enumerate(entries):
            path: KeyPath = (section, number)
            if not isinstance(entry, dict) or not entry:
                raise UsageError(f"{self.where(path)}: a point is written as 'method: simclr', not {entry!r}.")
            for key in entry:
                if key not in (*AXES, "seed"):
                    raise UsageError(
                        f"{self.where((*path, key))}: a point has no '{key}'.{nearest(str(key), (*AXES, 'seed'))}"
                    )
            yield entry, path

    def axis(self, kind: Kind, entries: Any, path: KeyPath) -> list[Entry]:
        """All components of one axis, options swept."""
        if entries is None or entries == []:
            raise UsageError(f"{self.where(path)}: the matrix needs at least one {kind}.")
        listed = isinstance(entries, list)
        found: dict[str, Entry] = {}
        for number, entry in enumerate(_listed(entries)):
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
        shown = {START: begins.method} if begins else {}
        both = {**{key: value for key, value in common.items() if key != "budget"}, **own}

        def where(key: KeyPath) -> str:
            return self.where((*path, *key) if not key or key[0] in own else (*section, *key))

        self.refuse_many(sweep.number(spec.config, both), f"combinations of options of {spec.name}", path)
        for options, swept in sweep.sweep(spec.config, both):
            label = sweep.label(given.get("label", name), swept if "label" in given else {**own, **shown, **swept})
            yield Entry(self.component(spec, options, where, label, self.where(path)), budget, path, section, begins)

    def section(self, kind: Kind, spec: Spec, name: str) -> KeyPath:
        """Where the suite has options for all entries of this component, which may be written with its distribution."""
        given = [key for key in self.mapping((SECTIONS[kind],)) if self.registry.find(kind, key) is spec]
        if len(given) > 1:
            place = self.where((SECTIONS[kind], given[1]))
            raise UsageError(
                f"{place}: '{given[0]}' and '{given[1]}' are the same {kind}: put its options in one of them."
            )
        return (SECTIONS[kind], *(given or [name]))

    def component(self, spec: Spec, options: Any, where: Any, label: str, place: str) -> Component:
        parsed: Any = parse(spec.config, options, where, owner=spec.name)
        try:
            component = Component(spec, resolve_paths(parsed, self.document.file.parent), label, place)
            _ = component.identity  # a missing file is found here, not in the middle of a run
        except UsageError as error:
            raise UsageError(f"{place}: {label}: {error}") from error
        except OSError as error:  # of the user's files, most likely
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error
            raise UsageError(f"{place}: {label}: {reason}.") from error
        except Exception as error:  # whatever a stranger's fingerprint raises
            raise UsageError(f"{place}: {label}: {type(error).__name__}: {error} (in {spec.origin})") from error
        return component

    def resolve_starts(self, matrix: Matrix[Entry]) -> None:
        """Find what each start means. Raises UsageError for one that is none, or leads back to where it began."""
        methods, datasets = matrix.entries("method"), matrix.entries("dataset")
        self.parents = parents(methods, self.where)
        for entry in methods:
            if entry.start is not None and entry.start.dataset is not None:
                self.datasets[id(entry)] = self.dataset_of(entry.start, datasets)

    def dataset_of(self, start: Start, known: list[Entry]) -> Entry:
        """One of the matrix, or another that is written there."""
        path = (*start.path, "dataset")
        try:
            found = named("dataset", start.dataset, known) if isinstance(start.dataset, str) else None
        except UsageError as error:
            raise UsageError(f"{self.where(path)}: start: {error}") from error
        made = [found] if found else list(self.entry("dataset", start.dataset, path))
        if len(made) != 1:
            raise UsageError(f"{self.where(path)}: a start has one dataset, not {len(made)}.")
        return made[0]

    def cell(self, suite: str, point: Point[Entry], of: Start | None = None) -> Cell:
        """`of`: the start that asks for this cell, which may have a budget of its own for it."""
        method, budget, common = self.budget(point.method, of)
        key = (id(point.method), id(point.backbone), id(point.dataset), point.seed, budget)
        if key not in self.made:
            self.refuse_many(len(self.made) + 1, "cells", ("matrix",))
            start = None
            if parent := self.parents.get(id(point.method)):
                dataset = self.datasets.get(id(point.method), point.dataset)
                start = self.cell(suite, Point(parent, point.backbone, dataset, point.seed), point.method.start)
            components = (method, point.backbone.component, point.dataset.component)
            self.made[key] = Cell(suite, *components, point.seed, budget, common, start=start)
        return self.made[key]

    def budget(self, method: Entry, of: Start | None = None) -> tuple[Component, Budget, dict[str, Any]]:
        """A method, labelled with a budget that only its start has; its budget; and what of the suite's makes cells
        comparable. Read once for all cells of an entry."""
        own = of if of and of.budget else None
        if (id(method), id(own)) in self.budgets:
            return self.budgets[id(method), id(own)]
        whole = self.mapping(("budget",))
        for key in whole:
            if key not in fields_of(Budget):
                place = self.where(("budget", key))
                raise UsageError(f"{place}: budget has no option '{key}'.{nearest(key, fields_of(Budget))}")
        further = {str(key): value for key, value in own.budget.items()} if own else {}
        blocks = merge(method.component.spec.budget, whole, method.budget, further)
        if "steps" not in blocks and "epochs" not in blocks:
            raise UsageError(f"{self.where(('budget',))}: the budget needs 'steps' or 'epochs'.")
        places: list[KeyPath] = [*([own.path] if own else []), method.path, method.section]

        def where(key: KeyPath) -> str:
            paths = ((*path, "budget") for path in places)
            return self.where(next((path for path in paths if (*path, *key) in self.document.lines), ("budget",)) + key)

        budget = parse(Budget, blocks, where, owner="budget")
        common = {key: whole.get(key, default) for key, default in COMMON_BUDGET.items()}
        component = method.component
        if own and budget != self.budget(method)[1]:
            component = dataclasses.replace(component, label=sweep.label(component.label, further))
        return self.budgets.setdefault((id(method), id(own)), (component, budget, common))

    def evaluators(self) -> Iterator[Component]:
        section = self.mapping(("evaluators",))
        if not section:
            raise UsageError(f"{self.where(('evaluators',))}: a suite needs at least one evaluator.")
        seen: dict[str, str] = {}
        for label in section:
            path: KeyPath = ("evaluators", label)
            options = dict(self.mapping(path))
            name = options.pop("use", label)
            options.pop(ONLY, None)
            spec = self.spec("evaluator", name, (*path, "use"))
            each = self.component(
                spec, options, lambda key, path=path: self.where((*path, *key)), label, self.where(path)
            )
            same = seen.setdefault(evaluator_id(each), label)
            if same != label:
                raise UsageError(f"{each.where}: the evaluator '{label}' is the same as '{same}'.")
            yield each

    def only(self, label: str, known: Collection[str]) -> tuple[str, ...]:
        """The methods, by name or label, that an evaluator is for. Raises UsageError for one that the suite lacks."""
        path: KeyPath = ("evaluators", label, ONLY)
        given = _listed(self.mapping(("evaluators", label)).get(ONLY, []))
        for name in given:
            if not isinstance(name, str) or name not in known:
                raise UsageError(f"{self.where(path)}: no method '{name}' in this suite.{nearest(str(name), known)}")
        return tuple(given)

    def executor(self) -> Component | None:
        given = self.document.values.get("executor")
        if given is None:
            return None
        options = {"use": given} if isinstance(given, str) else dict(self.mapping(("executor",)))
        spec = self.spec("executor", options.pop("use", None), ("executor", "use"))
        return self.component(
            spec, options, lambda key: self.where(("executor", *key)), spec.name, self.where(("executor",))
        )

    def known_options(self, spec: Spec, options: Mapping[str, Any], path: KeyPath) -> None:
        """Options of a component that the matrix may not even use; their values are checked where it does."""
        known = {*fields_of(spec.config), *(("budget",) if spec.kind == "method" else ())}
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
        seeds = _listed(value)
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


def _listed(value: Any) -> list[Any]:
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
