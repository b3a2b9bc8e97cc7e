"""Reads a suite's file and checks every name, key and type before anything is imported or trained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.base.errors import UsageError, nearest
from harness.plugins.options import KeyPath, fields_of, parse
from harness.plugins.registry import SUITE_KEYS, Registry, registry
from harness.suite import named_budgets, sweep
from harness.suite.budget import Budget, merge
from harness.suite.cell import Cell, Component, evaluator_id
from harness.suite.curve import CURVE, Curve, read_curve
from harness.suite.document import Document, Node, read, read_text
from harness.suite.entries import SECTIONS, Entries, Entry, listed_in
from harness.suite.judges import JUDGE, described, require_others
from harness.suite.matrix import Matrix, Point, names_of, require
from harness.suite.optimizer import name_and_options as optimizer_named
from harness.suite.starts import Start, find_entry, parents, with_starts
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
    """A suite that was read and checked.

    Attributes:
        name: Its name.
        file: The file that it was read from.
        cells: Its cells in the order to run them, including cells that others start from.
        evaluators: Its evaluators.
        only: For the label of an evaluator, the methods that it scores; empty for all.
        executor: Where cells run; None if the suite does not say.
        gate: The tolerances of `harness check`.
        curves: For the label of an evaluator, at which points of a training it scores.
    """

    name: str
    file: Path
    cells: tuple[Cell, ...]
    evaluators: tuple[Component, ...]
    only: Mapping[str, tuple[str, ...]]  # by an evaluator's label, the methods that it is for; none: all
    executor: Component | None
    gate: Gate = field(default_factory=Gate)
    curves: Mapping[str, Curve] = field(default_factory=dict)  # by the label of an evaluator that has one


def load_suite(file: Path | str, known: Registry | None = None, budget: str | None = None) -> Suite:
    """Read and check a suite's file.

    Args:
        file: The file.
        known: The components to use; all installed ones by default.
        budget: One of the named `budgets` of the suite.

    Returns:
        The suite.

    Raises:
        UsageError: Something in the suite is wrong; the message says where, as "file:line".
    """
    return _Reader(read(Path(file), budget), known or registry(), budget).suite()


def suite_of(text: str, file: Path, known: Registry) -> Suite:
    """Read a suite from text that is about to be written to `file`."""
    return _Reader(read_text(text, file), known).suite()


class Budgeted(NamedTuple):
    """What a method's entry and the suite's budget give: the method, labelled with the budget if only a start has it;
    its budget; the values that make cells comparable; and the optimizer.
    """

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
        self.judges: dict[str, tuple[Entry, Node]] = {}  # by the labels of evaluators
        self.described: dict[str, dict[str, Any]] = {}  # likewise, what a record says of the judge
        self.made: dict[tuple[int, int, int, int, Budget], Cell] = {}
        self.root.refuse_others((*KEYS, named_budgets.SECTION), "a suite has no")

    def suite(self) -> Suite:
        name = self.document.values.get("name", self.document.file.stem)
        if not isinstance(name, str) or not name.strip():
            raise self.root.child("name").error(f"name must be text, not {name!r}.")
        for kind, section in SECTIONS.items():
            for used, node in self.root.child(section).children().items():
                spec = self.spec(kind, replace(node, value=used))  # type: ignore[arg-type]  # the keys are kinds
                self.known_options(spec, node)
        matrices = self.matrices()
        self.refuse_many(sum(matrix.size() for matrix in matrices), "cells", self.root.child("matrix"))
        self.resolve_starts(matrices)
        points = sorted((point for matrix in matrices for point in matrix.points()), key=lambda point: point.seed)
        if not points:
            raise self.root.child("exclude").error("every cell of the matrix is excluded.")
        cells: dict[str, Cell] = {}
        at: dict[str, Point[Entry]] = {}
        for point in points:
            cell = self.cell(name + self.suffix, point)
            if (same := cells.setdefault(cell.id, cell)) is not cell:
                raise UsageError(f"{cell.method.where}: '{cell.name()}' is the same cell as '{same.name()}'.")
            at[cell.id] = point
        self.judges = self.read_judges([each for matrix in matrices for each in matrix.entries("method")], points[0])
        evaluators = tuple(self.evaluators({cell.backbone.spec.modality for cell in cells.values()}))
        methods = {each for cell in cells.values() for each in names_of(cell.method)}
        only = {each.label: self.only(each.label, methods) for each in evaluators}
        whole = name + self.suffix
        for each in evaluators:
            if each.label in self.judges:
                cells = {id_: self.judged(cell, at[id_], each.label, only[each.label]) for id_, cell in cells.items()}
        require_others(cells, {judge.component.label: node.place for judge, node in self.judges.values()})
        gate = read_gate(self.root.child(SECTION), [each.label for each in evaluators])
        every = tuple(with_starts(cells).values())
        return Suite(whole, self.document.file, every, evaluators, only, self.executor(), gate, self.curves())

    def matrices(self) -> list[Matrix[Entry]]:
        """The matrices of the suite, of which there may be one for each kind of sample. `exclude` applies to all of
        them.
        """
        matrix = self.root.child("matrix")
        if not isinstance(matrix.value, list):
            components, seeds = self.axes(matrix)
            return self.with_points([Matrix(components, seeds)])
        if not matrix.value:
            raise matrix.error("the list of matrices is empty.")
        if self.root.child("include").value:
            raise self.root.child("include").error("include needs a single matrix: add a matrix to the list instead.")
        for each in matrix.listed():
            if not isinstance(each.value, dict):
                raise each.error(f"a matrix is a mapping of axes to lists, not {each.value!r}.")
        return self.with_points([Matrix(*self.axes(each)) for each in matrix.listed()])

    def axes(self, matrix: Node) -> tuple[dict[str, list[Entry]], list[int]]:
        """Components and seeds of one matrix."""
        matrix.refuse_others((*AXES, "seed"), "the matrix has no axis")
        components: dict[str, list[Entry]] = {axis: self.axis(axis, matrix.child(axis)) for axis in AXES}
        return components, self.seeds(matrix.child("seed")) if "seed" in matrix.mapping() else [0]

    def with_points(self, matrices: list[Matrix[Entry]]) -> list[Matrix[Entry]]:
        """Apply `include`, which needs a single matrix, and `exclude`."""
        seeds = list(matrices[0].seeds)
        include: list[tuple[dict[str, list[Entry]], list[int]]] = [
            (
                {axis: self.axis(axis, point.child(axis)) for axis in AXES if axis in point.value},
                self.seeds(point.child("seed")) if "seed" in point.value else seeds,
            )
            for point in self.points("include")
        ]
        exclude = []
        for point in self.points("exclude"):
            for axis, node in point.children().items():
                if axis == "seed":
                    self.seeds(node)
                require(matrices, axis, listed_in(node.value), node.place)
            exclude.append({axis: listed_in(value) for axis, value in point.value.items()})
        return [replace(matrix, include=include, exclude=exclude) for matrix in matrices]

    def points(self, section: str) -> Iterator[Node]:
        """The entries of `include` or `exclude`, each a partial point of the matrix."""
        given = self.root.child(section)
        if not isinstance(given.value or [], list):
            raise given.error(f"{section} must be a list of points of the matrix.")
        for point in given.listed() if given.value else []:
            if not isinstance(point.value, dict) or not point.value:
                raise point.error(f"a point is written as 'method: simclr', not {point.value!r}.")
            point.refuse_others((*AXES, "seed"), "a point has no")
            yield point

    def resolve_starts(self, matrices: list[Matrix[Entry]]) -> None:
        """Find the cells that each start names. Raises UsageError if there is none, or if starts form a circle."""
        for matrix in matrices:
            methods, datasets = matrix.entries("method"), matrix.entries("dataset")
            self.parents |= parents(methods)
            for entry in methods:
                if entry.start is not None and entry.start.dataset.value is not None:
                    self.datasets[id(entry)] = self.dataset_of(entry.start.dataset, datasets)

    def dataset_of(self, given: Node, known: list[Entry]) -> Entry:
        """The data set of a start: one of the matrix, or another that is written there."""
        try:
            found = find_entry("dataset", given.value, known) if isinstance(given.value, str) else None
        except UsageError as error:
            raise given.error(f"start: {error}") from error
        made = [found] if found else list(self.entry("dataset", given))
        if len(made) != 1:
            raise given.error(f"a start has one dataset, not {len(made)}.")
        return made[0]

    def cell(self, suite: str, point: Point[Entry], of: Start | None = None) -> Cell:
        """A cell of the suite; `of` is the start that asks for it, which may change its budget."""
        method, budget, common, optimizer = self.budget(point.method, of)
        key = (id(point.method), id(point.backbone), id(point.dataset), point.seed, budget)
        if key not in self.made:
            self.refuse_many(len(self.made) + 1, "cells", self.root.child("matrix"))
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
            "Give each kind of sample a matrix of its own: 'matrix: [{...}, {...}]'."
        )

    def budget(self, method: Entry, of: Start | None = None) -> Budgeted:
        """The budget of an entry, read once for all of its cells."""
        own = of if of and of.budget else None
        if (id(method), id(own)) in self.budgets:
            return self.budgets[id(method), id(own)]
        common_budget = self.root.child("budget")
        whole = common_budget.mapping()
        common_budget.refuse_others(fields_of(Budget), "budget has no option")
        further = {str(key): value for key, value in own.budget.items()} if own else {}
        blocks = merge(method.component.spec.budget, whole, method.budget, further)
        if "steps" not in blocks and "epochs" not in blocks:
            raise common_budget.error("the budget needs 'steps' or 'epochs'.")
        places = [node.child("budget") for node in (*([own.node] if own else []), method.node, method.section)]

        def where(key: KeyPath) -> str:
            given = (node for node in places if (*node.path, *key) in self.document.lines)
            return next(given, common_budget).where(key)

        optimizer = self.optimizer(blocks.get("optimizer", Budget.optimizer), where)
        budget = parse(Budget, {**blocks, "optimizer": optimizer.spec.unique}, where, owner="budget")
        common = {key: whole.get(key, default) for key, default in COMMON_BUDGET.items()}
        component = method.component
        if own and budget != self.budget(method).budget:
            component = replace(component, label=sweep.label(component.label, further))
        return self.budgets.setdefault((id(method), id(own)), Budgeted(component, budget, common, optimizer))

    def optimizer(self, given: Any, where: Callable[[KeyPath], str]) -> Component:
        """The optimizer of a budget: a name, or {use: name, option: value}."""
        place = where(("optimizer",))
        try:
            name, options = optimizer_named(given)
            spec = self.registry.get("optimizer", name)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
        return self.component(spec, options, lambda key: where(("optimizer", *key)), name, place)

    def evaluators(self, modalities: Collection[str]) -> Iterator[Component]:
        """The evaluators; `modalities` are those of the cells' backbones."""
        section = self.root.child("evaluators")
        if not section.mapping():
            raise section.error("a suite needs at least one evaluator.")
        seen: dict[str, str] = {}
        for label, node in section.children().items():
            options = {key: value for key, value in node.mapping().items() if key not in SUITE_KEYS["evaluator"]}
            spec = self.spec("evaluator", replace(node.child("use"), value=node.mapping().get("use", label)))
            each = self.component(spec, options, node.where, label, node.place)
            if node.child(DATA).value is not None:
                each = replace(each, data=self.own_data(node.child(DATA), modalities))
            if label in self.described:
                each = replace(each, judge=self.described[label])
            same = seen.setdefault(evaluator_id(each), label)
            if same != label:
                raise node.error(f"the evaluator '{label}' is the same as '{same}'.")
            yield each

    def read_judges(self, methods: list[Entry], point: Point[Entry]) -> dict[str, tuple[Entry, Node]]:
        """By the label of each evaluator that has a judge, the method's entry. Raises UsageError for one that the suite
        lacks. `point`: any of the suite, by which what judges is described."""
        found = {}
        for label, evaluator in self.root.child("evaluators").children().items():
            node = evaluator.child(JUDGE)
            if node.value is None:
                continue
            if evaluator.child(DATA).value is not None:
                raise node.error("an evaluator with data of its own has no judge, because judges see the cell's data.")
            try:
                entry = find_entry("method", node.value, methods) if isinstance(node.value, str) else None
            except UsageError as error:
                raise node.error(f"judge: {error}") from error
            if entry is None:
                known = [each.component.label for each in methods]
                raise node.error(f"judge: no method '{node.value}' in this suite.{nearest(str(node.value), known)}")
            found[label] = (entry, node)
            self.described[label] = described(self.cell("", replace(point, method=entry)))
        return found

    def judged(self, cell: Cell, point: Point[Entry], label: str, only: Collection[str]) -> Cell:
        """With its judge, if the evaluator of this label, which is for `only` some methods, scores it."""
        if only and set(only).isdisjoint(names_of(cell.method)):
            return cell
        judge = self.cell(cell.suite, replace(point, method=self.judges[label][0]))
        return cell if judge in cell.judges else replace(cell, judges=(*cell.judges, judge))

    def own_data(self, given: Node, modalities: Collection[str]) -> Component:
        """The data set that an evaluator scores on instead of the cell's."""
        found = list(self.entry("dataset", given))
        if len(found) > 1:
            raise given.error("an evaluator takes one data set: write an evaluator for each data set.")
        dataset = found[0].component
        if dataset.spec.modality not in modalities:
            takes = " and ".join(sorted(modalities))
            raise given.error(
                f"{dataset.spec.name} gives {dataset.spec.modality}, and the backbones of this suite take {takes}."
            )
        return dataset

    def curves(self) -> dict[str, Curve]:
        """For the label of an evaluator that scores while cells train, its curve."""
        given = {label: node.child(CURVE) for label, node in self.root.child("evaluators").children().items()}
        return {label: read_curve(curve) for label, curve in given.items() if curve.value is not None}

    def only(self, label: str, known: Collection[str]) -> tuple[str, ...]:
        """The methods, by name or label, that an evaluator scores. Raises UsageError for one that the suite does not
        have.
        """
        given = self.root.child("evaluators").child(label).child(ONLY)
        names = [] if given.value is None else listed_in(given.value)
        for name in names:
            if not isinstance(name, str) or name not in known:
                raise given.error(f"no method '{name}' in this suite.{nearest(str(name), known)}")
        return tuple(names)

    def executor(self) -> Component | None:
        node = self.root.child("executor")
        if node.value is None:
            return None
        options = {"use": node.value} if isinstance(node.value, str) else node.mapping()
        spec = self.spec("executor", replace(node.child("use"), value=options.pop("use", None)))
        return self.component(spec, options, node.where, spec.name, node.place)
