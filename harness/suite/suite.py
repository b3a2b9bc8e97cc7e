"""benchmarks.yaml -> Suite: every name, key and type checked before anything is imported or trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath, fields_of, parse
from harness.plugins.registry import Registry, registry
from harness.suite import named_budgets, sweep
from harness.suite.budget import Budget, merge
from harness.suite.cell import Cell, Component, evaluator_id
from harness.suite.document import Document, read
from harness.suite.entries import SECTIONS, Entries, Entry, listed_in
from harness.suite.matrix import Matrix, Point, names_of, require
from harness.suite.optimizer import named as optimizer_named
from harness.suite.starts import Start, named, parents, with_starts
from harness.suite.tolerances import SECTION, Gate, read_gate

AXES: tuple[Literal["method", "backbone", "dataset"], ...] = ("method", "backbone", "dataset")
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
ONLY = "only"  # of an evaluator: the methods that it is for
DATA = "data"  # of an evaluator: a data set of its own


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


class Budgeted(NamedTuple):
    """A method, labelled with a budget that only its start has; its budget; what of the suite's makes cells comparable;
    and the budget's optimizer."""

    method: Component
    budget: Budget
    common: dict[str, Any]
    optimizer: Component


class _Reader(Entries):
    def __init__(self, document: Document, registry: Registry, budget: str | None = None) -> None:
        super().__init__(document, registry)
        self.suffix = f"-{budget}" if budget else ""
        self.budgets: dict[tuple[int, int], Budgeted] = {}  # by the id()s of entries
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
        matrices = self.matrices()
        self.refuse_many(sum(matrix.size() for matrix in matrices), "cells", ("matrix",))
        self.resolve_starts(matrices)
        points = sorted((point for matrix in matrices for point in matrix.points()), key=lambda point: point.seed)
        if not points:
            raise UsageError(f"{self.where(('exclude',))}: every cell of the matrix is excluded.")
        cells: dict[str, Cell] = {}
        for cell in (self.cell(name + self.suffix, point) for point in points):
            if (same := cells.setdefault(cell.id, cell)) is not cell:
                raise UsageError(f"{cell.method.where}: '{cell.name()}' is the same cell as '{same.name()}'.")
        evaluators = tuple(self.evaluators({cell.backbone.spec.modality for cell in cells.values()}))
        methods = {each for cell in cells.values() for each in names_of(cell.method)}
        only = {each.label: self.only(each.label, methods) for each in evaluators}
        whole = name + self.suffix
        gate = read_gate(self.document.values.get(SECTION), self.where, [each.label for each in evaluators])
        every = tuple(with_starts(cells).values())
        return Suite(whole, self.document.file, every, evaluators, only, self.executor(), gate)

    def matrices(self) -> list[Matrix[Entry]]:
        """The matrix, or each of several: one for each kind of sample, say. What is excluded is so in all of them."""
        given = self.document.values.get("matrix")
        if not isinstance(given, list):
            components, seeds = self.axes(self.mapping(("matrix",)), ("matrix",))
            return self.with_points([Matrix(components, seeds)])
        if not given:
            raise UsageError(f"{self.where(('matrix',))}: a list of matrices has at least one.")
        if self.document.values.get("include"):
            raise UsageError(f"{self.where(('include',))}: of several matrices, write a further one instead.")
        for number, each in enumerate(given):
            if not isinstance(each, dict):
                place = self.where(("matrix", number))
                raise UsageError(f"{place}: a matrix is a mapping of axes to lists, not {each!r}.")
        return self.with_points([Matrix(*self.axes(each, ("matrix", number))) for number, each in enumerate(given)])

    def axes(self, axes: Mapping[str, Any], path: KeyPath) -> tuple[dict[str, list[Entry]], list[int]]:
        """Components and seeds of one matrix."""
        for key in axes:
            if key not in (*AXES, "seed"):
                place = self.where((*path, key))
                raise UsageError(f"{place}: the matrix has no axis '{key}'.{nearest(str(key), (*AXES, 'seed'))}")
        components: dict[str, list[Entry]] = {axis: self.axis(axis, axes.get(axis), (*path, axis)) for axis in AXES}
        return components, self.seeds(axes.get("seed", [0]), (*path, "seed"))

    def with_points(self, matrices: list[Matrix[Entry]]) -> list[Matrix[Entry]]:
        """With what is included, which is of the only matrix, and excluded."""
        seeds = list(matrices[0].seeds)
        include: list[tuple[dict[str, list[Entry]], list[int]]] = [
            (
                {axis: self.axis(axis, entry[axis], (*path, axis)) for axis in AXES if axis in entry},
                self.seeds(entry["seed"], (*path, "seed")) if "seed" in entry else seeds,
            )
            for entry, path in self.points("include")
        ]
        exclude = [
            ({key: listed_in(value) for key, value in entry.items()}, path) for entry, path in self.points("exclude")
        ]
        for entry, path in exclude:
            for axis, values in entry.items():
                if axis == "seed":
                    self.seeds(values, (*path, axis))
                require(matrices, axis, values, self.where((*path, axis)))
        excluded = [entry for entry, _ in exclude]
        return [dataclasses.replace(matrix, include=include, exclude=excluded) for matrix in matrices]

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

    def resolve_starts(self, matrices: list[Matrix[Entry]]) -> None:
        """Find what each start means in its matrix. Raises UsageError for one that is none, or leads back to where it
        began."""
        for matrix in matrices:
            methods, datasets = matrix.entries("method"), matrix.entries("dataset")
            self.parents |= parents(methods, self.where)
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
        method, budget, common, optimizer = self.budget(point.method, of)
        key = (id(point.method), id(point.backbone), id(point.dataset), point.seed, budget)
        if key not in self.made:
            self.refuse_many(len(self.made) + 1, "cells", ("matrix",))
            start = None
            if parent := self.parents.get(id(point.method)):
                dataset = self.datasets.get(id(point.method), point.dataset)
                start = self.cell(suite, Point(parent, point.backbone, dataset, point.seed), point.method.start)
            components = (method, point.backbone.component, point.dataset.component)
            self.require_fit(*components[1:])
            made = Cell(suite, *components, point.seed, budget, common, optimizer=optimizer, start=start)
            self.made[key] = made
        return self.made[key]

    def require_fit(self, backbone: Component, dataset: Component) -> None:
        """Raises UsageError if the backbone does not take what the data set gives."""
        takes, gives = backbone.spec.modality, dataset.spec.modality
        if takes == gives:
            return
        fitting = [name for name, spec in self.registry.named("backbone").items() if spec.modality == gives]
        known = f"backbones for {gives}: {', '.join(fitting)}" if fitting else f"no installed backbone takes {gives}"
        raise UsageError(
            f"{backbone.where}: {backbone.spec.name} takes {takes}, and {dataset.spec.name} gives {gives} ({known}). "
            "Put what fits each other into a matrix of its own: 'matrix: [{...}, {...}]'."
        )

    def budget(self, method: Entry, of: Start | None = None) -> Budgeted:
        """Read once for all cells of an entry."""
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

        optimizer = self.optimizer(blocks.get("optimizer", Budget.optimizer), where)
        budget = parse(Budget, {**blocks, "optimizer": optimizer.spec.unique}, where, owner="budget")
        common = {key: whole.get(key, default) for key, default in COMMON_BUDGET.items()}
        component = method.component
        if own and budget != self.budget(method).budget:
            component = dataclasses.replace(component, label=sweep.label(component.label, further))
        return self.budgets.setdefault((id(method), id(own)), Budgeted(component, budget, common, optimizer))

    def optimizer(self, given: Any, where: Callable[[KeyPath], str]) -> Component:
        """What a budget says of its optimizer: a name, or {use: name, option: value}."""
        place = where(("optimizer",))
        try:
            name, options = optimizer_named(given)
            spec = self.registry.get("optimizer", name)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
        return self.component(spec, options, lambda key: where(("optimizer", *key)), name, place)

    def evaluators(self, modalities: Collection[str]) -> Iterator[Component]:
        """`modalities`: what the cells' backbones take."""
        section = self.mapping(("evaluators",))
        if not section:
            raise UsageError(f"{self.where(('evaluators',))}: a suite needs at least one evaluator.")
        seen: dict[str, str] = {}
        for label in section:
            path: KeyPath = ("evaluators", label)
            options = dict(self.mapping(path))
            name = options.pop("use", label)
            options.pop(ONLY, None)
            own = options.pop(DATA, None)
            spec = self.spec("evaluator", name, (*path, "use"))
            each = self.component(
                spec, options, lambda key, path=path: self.where((*path, *key)), label, self.where(path)
            )
            if own is not None:
                each = dataclasses.replace(each, data=self.own_data(own, (*path, DATA), modalities))
            same = seen.setdefault(evaluator_id(each), label)
            if same != label:
                raise UsageError(f"{each.where}: the evaluator '{label}' is the same as '{same}'.")
            yield each

    def own_data(self, given: Any, path: KeyPath, modalities: Collection[str]) -> Component:
        """The data set that an evaluator scores on instead of the cell's."""
        found = list(self.entry("dataset", given, path))
        if len(found) > 1:
            raise UsageError(f"{self.where(path)}: an evaluator has one data set; write an evaluator for each.")
        dataset = found[0].component
        if dataset.spec.modality not in modalities:
            takes = " and ".join(sorted(modalities))
            raise UsageError(
                f"{self.where(path)}: {dataset.spec.name} gives {dataset.spec.modality}, and the backbones of this "
                f"suite take {takes}."
            )
        return dataset

    def only(self, label: str, known: Collection[str]) -> tuple[str, ...]:
        """The methods, by name or label, that an evaluator is for. Raises UsageError for one that the suite lacks."""
        path: KeyPath = ("evaluators", label, ONLY)
        given = listed_in(self.mapping(("evaluators", label)).get(ONLY, []))
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
