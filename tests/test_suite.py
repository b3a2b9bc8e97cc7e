"""A suite is read as it is meant, or refused before anything heavy is imported, with the line and the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import UsageError
from harness.plugins.registry import registry
from harness.suite.document import read
from harness.suite.plan import Plan, selection
from harness.suite.planfile import PlanFile, dump
from harness.suite.suite import Suite, load_suite

Write = Callable[[str], Path]


def load(path: Path) -> Suite:
    return load_suite(path, registry())


BASE = """\
name: toy
matrix:
  method: [classify, idle]
  backbone: [flat]
  dataset: [blobs]
  seed: [0, 1]
budget: {steps: 30, batch_size: 32}
evaluators:
  nearest: {}
"""


def test_the_matrix_is_a_product_seed_by_seed(suite: Write) -> None:
    cells = load(suite(BASE)).cells
    assert [(cell.method.label, cell.seed) for cell in cells] == [
        ("classify", 0),
        ("idle", 0),
        ("classify", 1),
        ("idle", 1),
    ]
    assert len({cell.id for cell in cells}) == 4


def test_a_list_of_values_sweeps_an_option(suite: Write) -> None:
    text = BASE.replace("classify, idle", "{use: classify, temperature: [0.5, 2], mode: [fast, slow]}, idle")
    labels = [cell.method.label for cell in load(suite(text)).cells if cell.seed == 0]
    assert labels == [
        "classify (temperature=0.5, mode=fast)",
        "classify (temperature=0.5, mode=slow)",
        "classify (temperature=2, mode=fast)",
        "classify (temperature=2, mode=slow)",
        "idle",
    ]


def test_a_list_is_a_value_where_the_option_is_a_list(suite: Write) -> None:
    one = load(suite(BASE.replace("classify, idle", "{use: classify, sizes: [3, 4]}"))).cells
    assert [cell.method.config.sizes for cell in one if cell.seed == 0] == [(3, 4)]
    two = load(suite(BASE.replace("classify, idle", "{use: classify, sizes: [[3, 4], [5]]}"))).cells
    assert [cell.method.config.sizes for cell in two if cell.seed == 0] == [(3, 4), (5,)]


def test_options_of_a_section_hold_for_all_entries_and_an_entry_wins(suite: Write) -> None:
    text = (
        BASE.replace("idle]", "{use: classify, temperature: 3.0}]")
        + "methods: {classify: {temperature: 2.0, mode: slow}}\n"
    )
    configs = [cell.method.config for cell in load(suite(text)).cells if cell.seed == 0]
    assert [(config.temperature, config.mode) for config in configs] == [(2.0, "slow"), (3.0, "slow")]


def test_budgets_from_the_recipe_to_the_entry(suite: Write) -> None:
    text = BASE.replace("idle]", "{use: classify, label: longer, budget: {epochs: 3}}]")
    text += "methods: {classify: {budget: {lr: 0.3}}}\n"
    short, longer = [cell.budget for cell in load(suite(text)).cells if cell.seed == 0]
    assert (short.steps, short.epochs, short.lr, short.batch_size) == (30, None, 0.3, 32)
    assert (longer.steps, longer.epochs, longer.lr, longer.batch_size) == (None, 3.0, 0.3, 32)


def test_include_and_exclude(suite: Write) -> None:
    text = BASE + "exclude:\n- {method: idle, seed: 1}\ninclude:\n- {method: {use: idle, label: extra}, seed: 7}\n"
    cells = load(suite(text)).cells
    assert [(cell.method.label, cell.seed) for cell in cells] == [
        ("classify", 0),
        ("idle", 0),
        ("classify", 1),
        ("extra", 7),
    ]


def test_interpolation_and_the_same_evaluator_twice(suite: Write) -> None:
    text = BASE.replace("nearest: {}", "on test: {use: nearest, split: test}\n  on train: {use: nearest, split: train}")
    loaded = load(suite(text.replace("seed: [0, 1]", "seed: ['${budget.steps}']")))
    assert [(each.label, each.config.split) for each in loaded.evaluators] == [
        ("on test", "test"),
        ("on train", "train"),
    ]
    assert {cell.seed for cell in loaded.cells} == {30}


def test_a_relative_path_is_meant_from_the_suites_folder(suite: Write, tmp_path: Path) -> None:
    (tmp_path / "marker").write_text("content")
    cells = load(suite(BASE.replace("[blobs]", "[{use: blobs, marker: marker}]"))).cells
    assert cells[0].dataset.config.marker == tmp_path / "marker"
    assert cells[0].dataset.identity["fingerprint"] == "content"
    assert "marker" not in cells[0].dataset.identity["options"]


MISTAKES = [
    ("matrix:", "matrx:", "benchmarks.yaml:2: a suite has no 'matrx'. Did you mean 'matrix'?"),
    ("method:", "methd:", "benchmarks.yaml:3: the matrix has no axis 'methd'. Did you mean 'method'?"),
    ("classify", "clasify", "benchmarks.yaml:3: there is no method 'clasify'. Did you mean 'classify'?"),
    ("[flat]", "[]", "benchmarks.yaml:4: the matrix needs at least one backbone."),
    (
        "[blobs]",
        "[{use: blobs, clases: 3}]",
        "benchmarks.yaml:5: blobs has no option 'clases'. Did you mean 'classes'?",
    ),
    ("[blobs]", "[{use: blobs, budget: {}}]", "benchmarks.yaml:5: only methods have a budget of their own."),
    ("[blobs]", "[{use: blobs, marker: no}]", "benchmarks.yaml:5: blobs.marker must be path, not False."),
    ("[blobs]", "[3]", "benchmarks.yaml:5: a dataset is a name or '{use: name, option: value}', not 3."),
    ("[0, 1]", "[0, zero]", "benchmarks.yaml:6: a seed is a whole number of 0 or more, not 'zero'."),
    ("[0, 1]", "[1, 1]", "benchmarks.yaml:6: seed must list at least one seed, and none twice."),
    ("steps: 30, ", "", "benchmarks.yaml:7: the budget needs 'steps' or 'epochs'."),
    ("steps: 30", "stps: 30", "benchmarks.yaml:7: budget has no option 'stps'. Did you mean 'steps'?"),
    ("steps: 30", "steps: 30, weight_decay: -1", "benchmarks.yaml:7: budget: weight_decay must not be negative"),
    (
        "nearest: {}",
        "nearest: {}\n  again: {use: nearest}",
        "benchmarks.yaml:10: the evaluator 'again' is the same as 'nearest'.",
    ),
    (
        "idle]",
        "{use: idle, label: A}, {use: idle, label: B}]",
        "benchmarks.yaml:3: 'B · flat · blobs · seed 0' is the same cell as",
    ),
    ("idle]", "{use: idle, label: [a]}]", "benchmarks.yaml:3: a label is text, not ['a'] (quote it)."),
    (
        "evaluators:",
        "exclude: [{seed: '1'}]\nevaluators:",
        "benchmarks.yaml:8: a seed is a whole number of 0 or more, not '1'.",
    ),
    (
        "evaluators:",
        "methods: {fail: {stp: 1}}\nevaluators:",
        "benchmarks.yaml:8: fail has no option 'stp'. Did you mean 'step'?",
    ),
    (
        "evaluators:",
        "methods: &m {classify: *m}\nevaluators:",
        "benchmarks.yaml:8: not valid YAML: an alias contains itself.",
    ),
    ("[blobs]", "[{use: blobs, marker: ~nobody/x}]", "benchmarks.yaml:5: "),
    ("steps: 30", "steps: 30, epochs: 2", "benchmarks.yaml:7: budget: give either steps or epochs"),
    ("steps: 30", "steps: -1", "benchmarks.yaml:7: budget: steps or epochs must be positive"),
    ("steps: 30", "steps: 30, optimizer: sdg", "benchmarks.yaml:7: there is no optimizer 'sdg'. Did you mean 'sgd'?"),
    ("  nearest: {}", "  {}", "benchmarks.yaml:8: a suite needs at least one evaluator."),
    ("nearest: {}", "nearst: {}", "benchmarks.yaml:9: there is no evaluator 'nearst'. Did you mean 'nearest'?"),
    ("nearest: {}", "nearest: {split: 3}", "benchmarks.yaml:9: nearest.split must be str, not 3 (quote it)."),
    ("idle]", "idle, idle]", "benchmarks.yaml:3: method 'idle' is listed twice."),
    ("idle]", "{use: classify, temperature: -1}]", "benchmarks.yaml:3: classify: temperature must be positive"),
    ("name: toy", "name: [toy", "benchmarks.yaml:2: not valid YAML: expected ',' or ']', but got ':'."),
    ("name: toy", "name: ${nowhere}", "benchmarks.yaml:1: Interpolation key 'nowhere' not found."),
    ("[0, 1]", "[010]", "benchmarks.yaml:6: not valid YAML: YAML reads 010 as 8, as it begins with a 0: write 8"),
    (
        "steps: 30",
        "steps: 1:30",
        "benchmarks.yaml:7: not valid YAML: YAML reads 1:30 as 90, like hours and minutes: write",
    ),
    ("steps: 30", "steps: 030", "benchmarks.yaml:7: not valid YAML: YAML reads 030 as 24"),
    ("steps: 30", "steps: 30, lr: 1:00.5", "benchmarks.yaml:7: not valid YAML: YAML reads 1:00.5 as 60.5"),
    ("name: toy", "name: a\nname: b", "benchmarks.yaml:2: not valid YAML: found duplicate key name."),
    ("name: toy", "name: {{toy}}", "benchmarks.yaml:1: not valid YAML: a key is a name or a number."),
    ("name: toy", "name: !!int toy", "benchmarks.yaml:1: not valid YAML: invalid literal"),
    (
        "evaluators:",
        "exclude: [{method: nobody}]\nevaluators:",
        "benchmarks.yaml:8: exclude names method 'nobody', which is not",
    ),
    (
        "evaluators:",
        "exclude: [{seed: [0, 1]}]\nevaluators:",
        "benchmarks.yaml:8: every cell of the matrix is excluded.",
    ),
    (
        "evaluators:",
        "methods: {clasify: {}}\nevaluators:",
        "benchmarks.yaml:8: there is no method 'clasify'. Did you mean",
    ),
    (
        "evaluators:",
        "methods: {classify: {label: x}}\nevaluators:",
        "benchmarks.yaml:8: classify has no option 'label'.",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES, ids=[mistake[2][16:50] for mistake in MISTAKES])
def test_a_mistake_is_named_with_its_line(suite: Write, right: str, wrong: str, message: str) -> None:
    assert right in BASE
    with pytest.raises(UsageError) as caught:
        load(suite(BASE.replace(right, wrong, 1)))
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_suite_that_is_no_mapping(suite: Write) -> None:
    with pytest.raises(UsageError, match="a suite is a mapping"):
        load(suite("- 1\n- 2\n"))


def test_merged_mappings_may_be_merged_again(tmp_path: Path) -> None:
    from harness.suite.document import read

    file = tmp_path / "a.yaml"
    file.write_text("base: &b {c: 1}\na: {d: &d {<<: *b, c: 2}}\ne: {<<: *d, f: 3}\n")
    assert read(file).values == {"base": {"c": 1}, "a": {"d": {"c": 2}}, "e": {"c": 2, "f": 3}}


def test_a_key_is_the_text_that_it_is(tmp_path: Path) -> None:
    """To YAML, `yes` and `true` are the same switch, and 0x1 and 1 the same number: one of each would be lost."""
    (tmp_path / "a.yaml").write_text("{true: 1, yes: 2, on: 3, 1: 4, 0x1: 5, 1.0: 6, null: 7, ~: 8}")
    keys = ["true", "yes", "on", "1", "0x1", "1.0", "null", "~"]
    document = read(tmp_path / "a.yaml")
    assert document.values == {key: number for number, key in enumerate(keys, 1)}
    assert {path[0] for path in document.lines} == set(keys)


BUDGETS = """\
name: toy
matrix:
  method: [classify]
  backbone: [flat]
  dataset: [blobs]
  seed: [0, 1, 2]
budget: {steps: 30, batch_size: 32, lr: 0.1}
methods:
  classify: {temperature: 2.0, budget: {lr: 0.2}}
evaluators:
  nearest: {}
budgets:
  smoke:
    budget: {epochs: 1}
    matrix: {seed: [7]}
    methods: {classify: {budget: {lr: "${budget.lr}"}}}
  full: {}
"""


def test_a_named_budget_changes_the_suite_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.yaml"
    path.write_text(BUDGETS)
    plain, smoke, full = (load_suite(path, registry(), name) for name in (None, "smoke", "full"))
    assert [suite.name for suite in (plain, smoke, full)] == ["toy", "toy-smoke", "toy-full"]
    assert [cell.id for cell in plain.cells] == [cell.id for cell in full.cells]
    assert {cell.suite for cell in full.cells} == {"toy-full"}
    [cell] = smoke.cells
    assert cell.seed == 7
    assert (cell.budget.epochs, cell.budget.steps, cell.budget.batch_size, cell.budget.lr) == (1, None, 32, 0.1)
    assert cell.method.config.temperature == 2.0


@pytest.mark.parametrize(
    ("change", "budget", "message"),
    [
        ("", "smok", r":12: the suite has no budget 'smok'. Did you mean 'smoke'\?"),
        ("full: {name: x}", None, r":12: the budget 'full' cannot change 'name'\."),
        ("full: 5", None, r":12: the budget 'full' must be a mapping"),
        ("full: {matrix: {seed: [x]}}", "full", r":17: a seed is a whole number of 0 or more, not 'x'"),
        ("full: {evaluator: {}}", "full", r":17: a suite has no 'evaluator'\. Did you mean 'evaluators'\?"),
        ("full: {budget: {stepz: 3}}", "full", r":17: budget has no option 'stepz'"),
    ],
)
def test_mistakes_in_named_budgets(tmp_path: Path, change: str, budget: str | None, message: str) -> None:
    path = tmp_path / "benchmarks.yaml"
    path.write_text(BUDGETS.replace("full: {}", change) if change else BUDGETS)
    with pytest.raises(UsageError, match=message):
        load_suite(path, registry(), budget)


def test_a_budget_of_a_suite_without_any(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.yaml"
    path.write_text(BUDGETS[: BUDGETS.index("budgets:")])
    with pytest.raises(UsageError, match=r"benchmarks\.yaml:1: the suite has no budget 'smoke'"):
        load_suite(path, registry(), "smoke")


def test_an_evaluator_may_be_for_some_methods_alone(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.yaml"
    text = BUDGETS.replace("[classify]", "[{use: classify, label: A}, {use: classify, label: B, mode: slow}, idle]")
    path.write_text(text.replace("  nearest: {}", "  nearest: {}\n  some: {use: failing, only: [A, idle]}"))
    plan = Plan.of(load_suite(path, registry()))
    file = tmp_path / "plan.jsonl"
    file.write_bytes(dump(plan))
    for each in (plan, PlanFile(file, registry())):
        scored = {
            cell.method.label: [evaluator.label for evaluator in each.evaluators_of(cell).values()]
            for cell in plan.cells.values()
        }
        assert scored == {"A": ["nearest", "some"], "B": ["nearest"], "idle": ["nearest", "some"]}
    path.write_text(text.replace("  nearest: {}", "  nearest: {only: [A, clasify]}"))
    with pytest.raises(UsageError, match=r":11: no method 'clasify' in this suite\. Did you mean 'classify'\?"):
        load_suite(path, registry())


def test_only_takes_lists_with_blanks_and_labels_with_commas(suite: Write) -> None:
    text = BASE.replace(
        "[classify, idle]", '[{use: classify, label: "a, b"}, {use: classify, classes: 6, label: "a,c"}, idle]'
    )
    text = text.replace(", classes: 6", ", temperature: 0.5")
    plan = Plan.of(load_suite(suite(text), registry()))

    def labels(*given: str) -> set[str]:
        return {cell.method.label for cell in plan.only(selection(given)).cells.values()}

    assert labels("method=a, b") == {"a, b"}
    assert labels("method=a, b,a,c") == {"a, b", "a,c"}
    assert labels("method= idle , a,c") == {"idle", "a,c"}
    assert labels("method=idle", "method=a, b") == {"idle", "a, b"}
    with pytest.raises(UsageError, match=r"no method 'idel' in this suite\. Did you mean 'idle'"):
        labels("method=a,c, idel")
    with pytest.raises(UsageError, match="no method '' in this suite"):
        labels("method=idle,")


MATRICES = """\
name: two
matrix:
- {method: [classify, idle], backbone: [flat], dataset: [blobs], seed: [0, 1]}
- {method: [idle], backbone: [mlp], dataset: [{use: table, path: mine.csv}]}
budget: {steps: 30, batch_size: 32}
evaluators:
  nearest: {}
  far: {use: nearest, data: {use: blobs, classes: 3}}
"""


def test_several_matrices_are_one_suite(suite: Write, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n2,y\n")
    plan = Plan.of(load(suite(MATRICES)))
    cells = list(plan.cells.values())
    assert [(cell.method.label, cell.backbone.label, cell.seed) for cell in cells] == [
        ("classify", "flat", 0), ("idle", "flat", 0), ("idle", "mlp", 0), ("classify", "flat", 1), ("idle", "flat", 1)
    ]  # fmt: skip
    assert [each.label for each in plan.evaluators_of(cells[0]).values()] == ["nearest", "far"]
    assert [each.label for each in plan.evaluators_of(cells[2]).values()] == ["nearest"]  # vectors are no pictures
    without = Plan.of(load(suite(MATRICES + "exclude:\n- {method: idle}\n")))
    assert len(without.cells) == 2
    path = tmp_path / "plan.jsonl"
    path.write_bytes(dump(plan))
    again = PlanFile(path, registry()).plan()
    assert list(again.cells) == list(plan.cells)
    assert list(again.evaluators) == list(plan.evaluators)
    own = list(plan.evaluators.values())[1].data
    assert own is not None
    assert own.config.classes == 3


def test_an_evaluators_data_are_part_of_its_id_and_of_no_cells(suite: Write) -> None:
    plain, named, other = (
        Plan.of(load(suite(BASE.replace("nearest: {}", f"nearest: {{{data}}}"))))
        for data in ("", "data: blobs", "data: {use: blobs, classes: 3}")
    )
    assert list(plain.cells) == list(named.cells) == list(other.cells)
    assert len({*plain.evaluators, *named.evaluators, *other.evaluators}) == 3


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("backbone: [mlp]", "backbone: [flat]", "yaml:4: flat takes images, and table gives vectors (backbones"),
        ("data: {use: blobs, classes: 3}", "data: {use: blobs, classes: [3, 4]}", "yaml:8: an evaluator takes one "),
        ("data: {use: blobs, classes: 3}", "data: blob", "yaml:8: there is no dataset 'blob'. Did you mean 'blobs'"),
        ("- {method: [idle]", "- {methods: [idle]", "yaml:4: the matrix has no axis 'methods'. Did you mean 'method'"),
        ("budget:", "include: [{seed: 3}]\nbudget:", "yaml:5: include needs a single matrix"),
        ("- {method: [idle], b", "- idle\n- {method: [idle], b", "yaml:4: a matrix is a mapping of axes to lists"),
        ("budget:", "exclude: [{backbone: resnet18}]\nbudget:", "yaml:5: exclude names backbone 'resnet18', which"),
        ("- {method: [classify, idle], backbone: [flat], dataset: [blobs], seed: [0, 1]}\n", "",
         "yaml:7: blobs gives images, and the backbones of this suite take vectors"),
    ],
)  # fmt: skip
def test_mistakes_in_matrices_and_data_of_evaluators(
    suite: Write, tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    (tmp_path / "mine.csv").write_text("a,label\n1,x\n2,y\n")
    assert right in MATRICES
    with pytest.raises(UsageError) as caught:
        load(suite(MATRICES.replace(right, wrong)))
    assert message in str(caught.value)
