"""What stands in a leaderboard: means, ranks, what is comparable, costs."""

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.reporting.leaderboard import render
from harness.reporting.leaderboard.notes import failures, notes
from harness.reporting.leaderboard.provenance import provenance
from harness.reporting.leaderboard.tables import build
from harness.store.records import CellRecord
from tests.records import BUDGET, component, evaluation, metric, quickstart, record, seeds, terminal


def test_mean_and_interval_over_seeds_in_percent() -> None:
    # (89, 90, 91): mean 90, s 1, t(2) = 4.303, so 4.303 / sqrt(3) = 2.48; the half width of 2000 episodes stays apart
    markdown = render([*seeds("simclr", [0.89, 0.90, 0.91]), *seeds("untrained", [0.4, 0.4, 0.4])])
    assert "**90.0 ± 2.5 (1)**" in markdown
    assert " 40.0 ± 0.0 (2) " in markdown
    assert "A seed's score is itself a mean: knn over 2,000 episodes (± 0.4)." in markdown
    assert "± is over 3 seeds" in markdown


def test_rows_that_are_not_separated_share_ranks_and_ranks_sort_the_rows() -> None:
    (table,) = build(
        [
            *seeds("a", [0.50, 0.51, 0.52]),
            *seeds("b", [0.90, 0.91, 0.92]),
            *seeds("c", [0.93, 0.91, 0.92]),
        ]
    )
    assert [(row.label, [*map(str, row.ranks)]) for row in table.rows] == [("b", ["1-2"]), ("c", ["1-2"]), ("a", ["3"])]


def test_lower_can_be_better() -> None:
    records = [
        record(name, seed, {"error": metric(value + seed / 1000, higher_is_better=False)})
        for name, value in (("good", 0.1), ("bad", 0.5))
        for seed in range(3)
    ]
    (table,) = build(records)
    assert [(row.label, [*map(str, row.ranks)]) for row in table.rows] == [("good", ["1"]), ("bad", ["2"])]
    assert "error ↓" in render(records)
    assert "↓ lower is better." in notes(table)


def test_details_of_scores_are_summed_up() -> None:
    """Yes and no are counted, numbers have a range, words are listed; a record without details says nothing."""
    found = [
        record("a", seed, {"linear": metric(0.5, details={"strength": strength, "at_edge": seed == 1, "by": "folds"})})
        for seed, strength in enumerate((1e-5, 1e-3, 1e-4))
    ]
    (table,) = build(found)
    assert "Details of linear: at_edge 1 of 3; by folds; strength 1e-05 to 0.001." in notes(table)
    chosen = metric(0.5, details={"rate": 0.1})
    (table,) = build([record("a", 0, {"stream": chosen, "joint": chosen})])
    assert "Details of joint, stream: rate 0.1." in notes(table), "a line for each would repeat it"
    (table,) = build(seeds("a", [0.5, 0.6]))
    assert not any("Details" in line for line in notes(table))


def test_one_seed_has_no_rank_and_shows_the_interval_within_it() -> None:
    records = [record("simclr", 0, {"knn": 0.9}), record("untrained", 0, {"knn": metric(0.4, half_width=None)})]
    markdown = render(records)
    assert re.search(r"\| simclr +\| +90\.0 \\\[± 0\.4\\\] \|", markdown)
    assert re.search(r"\| untrained +\| +40\.0 \|", markdown)
    assert "- One seed only, hence no rank: all methods." in markdown
    assert "\\[± ...\\]: half of the 95 % interval within the only seed" in markdown
    assert "**" not in markdown


def test_a_missing_seed_is_marked() -> None:
    (table,) = build(records := [*seeds("a", [0.5, 0.6, 0.7]), *seeds("b", [0.5, 0.6])])
    assert "2/3" in render(records)
    assert "Not run to the end: b, seed 2." in notes(table)


def test_a_score_of_fewer_seeds_than_its_row_is_marked() -> None:
    records = [record("a", seed, {"knn": 0.5 + seed / 100, "linear": 0.6}) for seed in range(2)]
    records.append(record("a", 2, {"knn": 0.5}))
    assert " 60.0 ± 0.0 n=2 " in render(records)


def test_a_failed_cell_is_listed_and_the_rest_counts() -> None:
    failed = record("a", 2, training=False, failure={"status": "killed", "message": "out of\nmemory | 9 GB"})
    records = [*seeds("a", [0.5, 0.6]), failed]
    (table,) = build(records)
    assert failures(table) == ["a, seed 2: killed. out of memory | 9 GB"]
    assert table.rows[0].seeds == 2
    assert "- a, seed 2: killed. out of memory \\| 9 GB" in render(records)
    assert "killed" in render(records, "html")
    assert "Failed: a, seed 2: killed." in terminal(records, 80)


def test_a_method_that_only_failed_has_a_row() -> None:
    only = record("a", training=False, failure={"status": "failed", "message": ""})
    (table,) = build([only])
    assert (table.columns, table.rows[0].label, table.rows[0].seeds) == ((), "a", 0)
    for each in ("markdown", "csv", "html"):
        assert "a" in render([only], each)
    assert "no message" in terminal([only], 80)


def test_a_diverged_score_is_not_ranked() -> None:
    records = [
        *seeds("a", [0.5, 0.51, 0.52]),
        *seeds("c", [0.5, 0.51, 0.52]),
        *(record("b", seed, {"knn": metric(None)}) for seed in range(3)),
    ]
    (table,) = build(records)
    assert [(row.label, [*map(str, row.ranks)]) for row in table.rows] == [("a", ["1-2"]), ("c", ["1-2"]), ("b", [])]
    assert "nan" in render(records)


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": {**component("glyphs", size=14), "fingerprint": "f" * 64}},
        {"dataset": {**component("glyphs"), "fingerprint": "e" * 64}},
        {"dataset": {**component("glyphs"), "fingerprint": "f" * 64, "version": "0.2.0"}},
        {"backbone": component("conv4", hidden=32)},
        {"backbone": component("conv4") | {"version": "0.2.0"}},
        {"suite_budget": {"steps": 800}},
    ],
)
def test_what_is_not_comparable_shares_no_table(change: dict[str, Any]) -> None:
    tables = build([*seeds("a", [0.5, 0.6]), *seeds("b", [0.5, 0.6], **change)])
    assert [len(table.rows) for table in tables] == [1, 1]
    assert len({table.title for table in tables}) == 2
    assert any(table.title.startswith("glyphs · conv4 (") for table in tables)


def test_suites_with_the_same_budget_share_a_table() -> None:
    (table,) = build([*seeds("a", [0.5, 0.6]), *seeds("b", [0.5, 0.6], suite="mine")])
    assert "Suite: mine, quickstart" in provenance(table)


def test_where_things_lie_parts_nothing() -> None:
    def pictures(path: str, where: str) -> dict[str, Any]:
        whole = component("npz", path=path, size=28)
        return {**whole, "fingerprint": "f" * 64, "decides": ["size"], "where": where}

    here = seeds(component("a") | {"where": "one.yaml:3"}, [0.5], dataset=pictures("/here", "one.yaml:7"))
    there = record(component("a") | {"where": "b.yaml:4"}, 1, {"knn": 0.6}, dataset=pictures("/there", "b.yaml:9"))
    (table,) = build([*here, there])
    assert [len(row.cells) for row in table.rows] == [2]
    assert "Dataset: npz (fingerprint=fffffffffffffff…, size=28)" in provenance(table)  # and no one's path


def test_same_label_with_other_options_is_another_method() -> None:
    (table,) = build(
        [
            *seeds(component("simclr", temperature=0.1, width=128), [0.5, 0.6]),
            *seeds(component("simclr", temperature=0.5, width=128), [0.5, 0.6]),
        ]
    )
    assert [row.label for row in table.rows] == ["simclr (temperature=0.1)", "simclr (temperature=0.5)"]
    (table,) = build([*seeds("a", [0.5, 0.6]), *seeds("a", [0.5, 0.6], budget={**BUDGET, "lr": 0.2})])
    assert [row.label for row in table.rows] == ["a (lr=0.1)", "a (lr=0.2)"]


def test_same_label_with_other_options_is_another_evaluator() -> None:
    records = [
        record(name, seed, evaluations={f"id{k}": evaluation("knn", {"accuracy": metric(0.5)}, k=k)})
        for name, k in (("a", 20), ("b", 200))
        for seed in range(2)
    ]
    (table,) = build(records)
    assert [column.title for column in table.columns] == ["knn (k=20)", "knn (k=200)"]
    assert [[score is None for score in row.scores] for row in table.rows] == [[False, True], [True, False]]


def test_several_metrics_of_an_evaluator_are_columns() -> None:
    both = evaluation("knn", {"accuracy": metric(0.5), "top5 accuracy": metric(0.9), "loss": metric(1.23456)})
    (table,) = build(records := [record("a", evaluations={"id": both})])
    assert [column.title for column in table.columns] == ["knn accuracy", "knn loss", "knn top5 accuracy"]
    assert re.search(r"\| +50\.0 .+ \| +1\.235 .+ \| +90\.0 .+ \|", render(records))


def test_another_protocol_is_shown_with_a_mark_but_not_ranked() -> None:
    (table,) = build(records := quickstart())
    maml = next(row for row in table.rows if row.label == "maml")
    assert [score.rank is None for score in maml.scores if score] == [True, True, False, False]
    protonet = next(row for row in table.rows if row.label == "protonet")
    assert protonet.ranks[0].best == 1
    markdown = render(records)
    assert len(re.findall(r"\d †", markdown)) == 2
    assert "† transductive BN: not comparable with the column's protocol (inductive), so not ranked." in notes(table)
    assert "Mean rank over fewer columns: maml (2 of 4)." in notes(table)


def test_protocols_of_equal_number_are_ranked_by_the_first_name() -> None:
    levels = {"a": (0.5, "inductive"), "b": (0.6, "inductive"), "c": (0.9, "transductive"), "d": (0.8, "transductive")}
    records = [
        record(name, seed, {"knn": metric(value + seed / 1000, protocol=protocol)})
        for name, (value, protocol) in levels.items()
        for seed in range(2)
    ]
    (table,) = build(records)
    assert [(row.label, [*map(str, row.ranks)]) for row in table.rows] == [
        ("b", ["1"]),
        ("a", ["2"]),
        ("c", []),
        ("d", []),
    ]


def test_who_is_alone_has_no_rank() -> None:
    assert "**" not in render(seeds("a", [0.5, 0.6]))


def test_mixed_versions_and_hardware_are_told() -> None:
    one = seeds("a", [0.5, 0.6])
    other = seeds("b", [0.5, 0.6], machine={"torch": "2.7.0", "device": "Some GPU"})
    (table,) = build(one + other)
    (told,) = [line for line in notes(table) if "differ" in line]
    assert told.startswith("Cells of this table differ in torch, device: costs are not comparable")
    assert any("torch 2.6.0, 2.7.0" in line for line in provenance(table))
    assert sum(line.startswith("Hardware: ") for line in provenance(table)) == 2
    (alike,) = build(one)
    assert not [line for line in notes(alike) if "differ" in line]


def test_costs_are_means_and_evaluation_is_the_sum_of_all_evaluators() -> None:
    def cell(seed: int, labels: str) -> CellRecord:
        evaluations = {each: evaluation(each, {"accuracy": metric(0.5)}, seconds=1.5) for each in labels}
        return record("a", seed, evaluations=evaluations)

    markdown = render([cell(0, "xy"), cell(1, "xy"), cell(2, "x")])  # the third has done less work
    row = [each.strip() for each in next(line for line in markdown.split("\n") if "51,200" in line).split("|")]
    assert row[1:-1] == ["a", "400 steps", "11.0", "3.00", "4,100", "51,200", "512"]
    untrained = render([record("untrained", 0, {"knn": 0.4}, training=False)])
    assert re.search(r"\| untrained +\| +– \| +– \| +1.00 \| +– \| +– \| +– \|", untrained)


def test_which_rows_learned_from_labels_is_noted_where_it_is_known_of_all() -> None:
    def learned(method: str, used: bool | None, **changes: Any) -> CellRecord:
        found = record(method, 0, {"knn": 0.5}, **changes)
        own = {} if used is None else {"labels": used}
        return replace(found, training={**(found.training or {}), **own})

    def said(*found: CellRecord) -> list[str]:
        [table] = build(found)
        return [line for line in notes(table) if "labels" in line]

    idle = record("idle", 0, {"knn": 0.2})
    idle = replace(idle, training={**(idle.training or {}), "steps": 0, "labels": False})
    maml, simclr, protonet = learned("maml", used=True), learned("simclr", used=False), learned("protonet", used=True)
    assert said(maml, simclr, protonet, idle) == ["Trained on labels: maml, protonet. Without labels: simclr."]
    assert said(maml, protonet, idle) == []
    assert said(simclr, idle) == []
    assert said(maml, simclr, learned("of before", used=None)) == []
    fails = record("fails", training=False, failure={"status": "failed", "message": ""})
    assert said(maml, simclr, fails) == said(maml, simclr) != []
    of_a_file = {**component("conv4"), "weights": {"file": "abc"}}
    assert said(learned("maml", used=True, backbone=of_a_file), learned("simclr", used=False, backbone=of_a_file)) == []


def test_of_one_seed_twice_the_later_counts() -> None:
    early, late = record("a", 0, {"knn": 0.5}), record("a", 0, {"knn": 0.7}, machine={"started": "2025-02-01"})
    early = CellRecord("z", early.cell, early.training, early.evaluations, None)
    (table,) = build([late, early])
    assert [len(row.cells) for row in table.rows] == [1]
    assert table.rows[0].scores[0] is not None
    assert table.rows[0].scores[0].interval.mean == 0.7
    assert "1 earlier record of the same method and seed is left out." in notes(table)


def test_provenance_names_what_it_must() -> None:
    (table,) = build(quickstart())
    text = "\n".join(provenance(table))
    for expected in (
        "Suite: quickstart",
        "Budget for all: batch_size=128, steps=400",
        "fingerprint=fffffffffffffff…",
        "Method maml: maml; budget lr=0.1",
        "harness 0.1.0",
        "commit abc1234",
        "torch 2.6.0",
        "python 3.11.9",
        "rep-harness-maml 0.1.0",
        "Hardware: cpu, Some CPU, 2 cores, 1 thread, Linux",
    ):
        assert expected in text


def test_the_size_of_a_batch_is_what_each_method_took() -> None:
    """128 is of the budget; an episode has its own number of samples."""

    def trained(method: str, samples: int, **changes: Any) -> CellRecord:
        found = record(method, 0, {"knn": 0.5}, **changes)
        return replace(found, training={**(found.training or {}), "samples": samples * 400})

    def said(*found: CellRecord) -> list[str]:
        [table] = build(found)
        return [line for line in provenance(table) if line.startswith(("Budget", "Method"))]

    simclr, maml = trained("simclr", 128), trained("maml", 40)
    idle = record("idle", 0, {"knn": 0.2})
    idle = replace(idle, training={**(idle.training or {}), "steps": 0, "samples": 0})
    assert said(simclr, idle)[0] == "Budget for all: batch_size=128, steps=400"
    assert said(simclr, maml, idle) == [
        "Budget for all: steps=400",
        "Method idle: idle; budget lr=0.1",
        "Method maml: maml; budget lr=0.1; 40 samples per step",
        "Method simclr: simclr; budget lr=0.1; 128 samples per step",
    ]
    small = {**BUDGET, "batch_size": 64}
    assert said(trained("a", 64, budget=small), trained("b", 40, budget=small)) == [
        "Budget for all: steps=400",
        "Method a: a; budget batch_size=64",
        "Method b: b; 40 samples per step",
    ]


def test_rows_of_equal_rank_stand_in_the_order_of_their_names() -> None:
    values = [0.5, 0.51, 0.52]
    [table] = build([*seeds("b 10", values), *seeds("A", values), *seeds("b 9", values), *seeds("b", values)])
    assert len({row.mean_rank for row in table.rows}) == 1
    assert [row.label for row in table.rows] == ["A", "b", "b 9", "b 10"]
