"""Ties, mean ranks over data sets, pairs, and the other ways to look at the same records."""

import csv
import io
import random
import re
from collections.abc import Iterable
from itertools import pairwise as pairwise_of
from typing import Any

import pytest

from harness.base.errors import UsageError
from harness.reporting.leaderboard import Format, render
from harness.reporting.leaderboard.across import rankings, said
from harness.reporting.leaderboard.diagram import text_diagram
from harness.reporting.leaderboard.notes import notes
from harness.reporting.leaderboard.pairwise import pairwise
from harness.reporting.leaderboard.places import Place
from harness.reporting.leaderboard.reading import pairs
from harness.reporting.leaderboard.tables import Row, build
from harness.reporting.leaderboard.text import letters
from harness.reporting.leaderboard.view import View
from harness.store.records import CellRecord
from tests.records import component, evaluation, metric, record

FORMATS: tuple[Format, ...] = ("markdown", "csv", "html")


def on(dataset: str, **levels: float) -> list[CellRecord]:
    """Two seeds of each method on a data set, a thousandth around its level."""
    return [
        record(name, seed, {"knn": level + (seed - 0.5) / 500}, dataset=component(dataset))
        for name, level in levels.items()
        for seed in range(2)
    ]


def many(datasets: Iterable[str], **levels: float) -> list[CellRecord]:
    return [each for dataset in datasets for each in on(dataset, **levels)]


FOUR = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}


def test_ties_are_marked_by_letters() -> None:
    values = {"a": [0.90, 0.91, 0.92], "b": [0.93, 0.91, 0.92], "c": [0.5, 0.51, 0.52], "d": [0.2, 0.21, 0.22]}
    records = [record(name, seed, {"knn": each}) for name, row in values.items() for seed, each in enumerate(row)]
    (table,) = build(records)
    assert {row.label: row.scores[0].ties for row in table.rows if row.scores[0]} == {
        "a": "a",
        "b": "a",
        "c": "",
        "d": "",
    }
    markdown = render(records)
    assert "**91.0 ± 2.5 (1-2) a**" in markdown
    assert "| 51.0 ± 2.5 (3) |" in " ".join(markdown.split())
    ranked = {
        (line["method"], line["rank_best"], line["rank_worst"], line["ties"])
        for line in csv.DictReader(io.StringIO(render(records, "csv")))
    }
    assert ranked == {("a", "1", "2", "a"), ("b", "1", "2", "a"), ("c", "3", "3", ""), ("d", "4", "4", "")}
    assert letters([[0]] * 28, 1) == [",".join([*"abcdefghijklmnopqrstuvwxyz", "aa", "ab"])]


def test_mean_ranks_over_data_sets_and_who_is_told_apart() -> None:
    (found,) = rankings(build(many("uvwxyz", **FOUR)))
    assert (found.labels, found.ranks, found.datasets) == (("a", "b", "c", "d"), (1.0, 2.0, 3.0, 4.0), tuple("uvwxyz"))
    assert found.p < 0.05
    assert 1.9 < found.difference < 2.0  # 2.569 sqrt(4 * 5 / 36)
    assert found.groups == ((0, 1), (1, 2), (2, 3))
    drawn = text_diagram(found).split("\n")
    assert [line.split()[0] for line in drawn[2:6]] == ["a", "b", "c", "d"]
    places = [line.index("●") for line in drawn[2:6]]
    assert [(line.index("━"), len(line)) for line in drawn[6:]] == [
        (first, last + 1) for first, last in pairwise_of(places)
    ]


def test_without_a_difference_all_are_one_group() -> None:
    turning = [
        on(name, **{m: FOUR[n] for m, n in zip("abcd", order, strict=True)})
        for name, order in zip("xyz", ("abcd", "dcba", "bdac"), strict=True)
    ]
    (found,) = rankings(build([each for records in turning for each in records]))
    assert found.p > 0.05
    assert found.groups == ((0, 1, 2, 3),)
    assert "shows no difference" in said(found)[0]


def test_who_lacks_a_data_set_is_left_out_and_named() -> None:
    records = [*many("xyz", **FOUR), *on("x", e=0.99)]
    (found,) = rankings(build(records))
    assert found.labels == ("a", "b", "c", "d")
    assert found.left_out == ("e",)
    assert "Left out, as not scored on every data set: e." in said(found)
    assert rankings(build([*on("x", **FOUR), *on("y", e=0.5, f=0.6, g=0.7)])) == []
    assert rankings(build(on("x", **FOUR))) == []


def test_several_backbones_on_one_data_set_are_one_data_set() -> None:
    records = many("xy", **FOUR)
    wide = [
        record(name, 0, {"knn": 1 - level}, dataset=component("x"), backbone=component("wide"))
        for name, level in FOUR.items()
    ]
    (found,) = rankings(build([*records, *wide]))
    assert found.datasets == ("x", "y")
    assert sorted(found.labels) == ["a", "b", "c", "d"]
    assert found.ranks == (1.75, 2.25, 2.75, 3.25)  # on x the means of both are all .5: all share rank 2.5


def test_versions_and_options_of_a_data_set_are_one_data_set() -> None:
    x, y = component("x"), component("y")
    variants = [x, x | {"version": "0.2.0"}, component("x", "x noisy", noise=0.5), x | {"fingerprint": "2"}, y]

    def on_all(datasets: Iterable[dict[str, Any]]) -> list[CellRecord]:
        return [record(name, 0, {"knn": level}, dataset=each) for each in datasets for name, level in FOUR.items()]

    assert rankings(build(on_all(variants[:-1]))) == []
    (found,) = rankings(build(on_all(variants)))
    assert found.datasets == ("x / x noisy", "y")
    paths = [component("npz", path=f"{each}.npz") | {"decides": [], "fingerprint": each * 64} for each in "abb"]
    paths[2]["version"] = "0.2.0"
    (found,) = rankings(build(on_all(paths)))
    assert found.datasets == (f"npz (fingerprint={'a' * 15}…)", f"npz (fingerprint={'b' * 15}…)")


def test_lower_can_be_better_over_data_sets() -> None:
    records = [
        record(name, 0, {"error": metric(level, higher_is_better=False)}, dataset=component(data))
        for data in "xyz"
        for name, level in FOUR.items()
    ]
    (found,) = rankings(build(records))
    assert found.labels == ("d", "c", "b", "a")


def test_pairs_are_compared_by_seed() -> None:
    """Seeds move both methods by much more than the difference between them, which is steady."""
    moves = [0.0, 0.1, -0.1, 0.05, -0.05]
    noise = [0.001, -0.001, 0.0005, 0.0, -0.0005]
    records = [
        record(name, seed, {"knn": level + move + (noise[seed] if name == "a" else 0.0)})
        for name, level in (("a", 0.52), ("b", 0.5))
        for seed, move in enumerate(moves)
    ]
    (table,) = build(records)
    assert [row.ranks for row in table.rows] == [[(1, 1)], [(2, 2)]]
    found = pairwise(table)
    assert found
    assert found.counts == {(0, 1): (1, 0, 0), (1, 0): (0, 0, 1)}
    assert "0 / 0 / 1" in render(records)


def test_one_criterion_serves_the_whole_page() -> None:
    """Ranks, letters, pairs and the difference to the best never contradict each other."""
    draw = random.Random(1)
    for _ in range(20):
        spread = draw.choice([0.002, 0.01, 0.05])
        records = [
            record(name, seed, {"knn": 0.5 + number / 50 + draw.gauss(0, spread)})
            for number, name in enumerate("abcdef")
            for seed in range(3)
        ]
        (table,) = build(records)
        found = pairwise(table)
        assert found
        for a, row in enumerate(table.rows):
            (score,) = row.scores
            assert score
            assert score.place
            pairs = [found.counts[a, b] for b in range(6) if b != a]
            assert score.rank == (1 + sum(loss for *_, loss in pairs), 6 - sum(win for win, *_ in pairs))
            gap = score.place.to_best
            best = next(b for b, other in enumerate(table.rows) if _place(other).to_best.half_width is None)
            if gap.half_width is not None:
                assert (gap.mean < -gap.half_width) == (found.counts[a, best] == (0, 0, 1))
            for b, other in enumerate(table.rows):
                if b != a:
                    shared = set(score.ties.split(",")) & set(_place(other).ties.split(",")) - {""}
                    assert bool(shared) == (found.counts[a, b] == (0, 1, 0))


def _place(row: Row) -> Place:
    (score,) = row.scores
    assert score
    assert score.place
    return score.place


def test_only_scores_of_images_are_multiples_of_one_over_their_number() -> None:
    """Equal differences on a coarse grid are no evidence; a mean over as many episodes is finer than that."""
    for unit, ties in (("image", 1), ("episode", 0)):
        records = [
            record(name, seed, {"knn": metric(level + seed / 10, n=20, unit=unit)})
            for name, level in (("a", 0.55), ("b", 0.5))
            for seed in range(3)
        ]
        found = pairwise(build(records)[0])
        assert found
        assert found.counts[0, 1] == (1 - ties, ties, 0)


def test_two_seeds_with_equal_scores_on_a_grid_have_an_interval_and_are_tied() -> None:
    records = [
        record(name, seed, {"knn": metric(hits / 40, n=40, unit="image")})
        for name, hits in (("a", 38), ("b", 37))
        for seed in range(2)
    ]
    markdown = render(records)
    assert "**95.0 ± 6.5 (1-2) a**" in markdown  # t(1) = 12.7, sqrt((1/40)² / 12 / 2) = .0051
    assert "**92.5 ± 6.5 (1-2) a**" in markdown


def test_pairs_need_two_shared_seeds_and_one_protocol() -> None:
    alone = [record("a", 0, {"knn": 0.5}), record("b", 0, {"knn": 0.9}), record("c", 1, {"knn": 0.9})]
    assert pairwise(build(alone)[0]) is None
    assert "Pairwise" not in render(alone)
    assert "Difference to the best" not in render(alone)
    other = [
        record(name, seed, {"knn": metric(0.5 + seed / 100, protocol=protocol)})
        for name, protocol in (("a", "inductive"), ("b", "inductive"), ("c", "transductive BN"))
        for seed in range(3)
    ]
    found = pairwise(build(other)[0])
    assert found
    assert set(found.counts) == {(0, 1), (1, 0)}
    assert found.counts[0, 1] == (0, 1, 0)


def test_losing_a_seed_takes_the_rank_and_moves_nobody_else() -> None:
    levels = {"a": 0.9, "b": 0.7, "c": 0.5}
    whole = [record(name, seed, {"knn": level + seed / 100}) for name, level in levels.items() for seed in range(3)]
    assert {row.label: [*map(str, row.ranks)] for row in build(whole)[0].rows} == {"a": ["1"], "b": ["2"], "c": ["3"]}
    fewer = [each for each in whole if (each.cell["method"]["name"], each.cell["seed"]) != ("c", 2)]
    (table,) = build(fewer)
    assert {row.label: [*map(str, row.ranks)] for row in table.rows} == {"a": ["1"], "b": ["2"], "c": []}
    assert "Not ranked, as it has not the seeds of the other rows: c in knn." in notes(table)
    shifted = [*fewer, record("c", 7, {"knn": 0.5})]  # as many seeds, but not the same
    assert {row.label: [*map(str, row.ranks)] for row in build(shifted)[0].rows}["c"] == []


def test_scores_that_are_not_finite_are_in_no_pair_and_an_infinite_one_is_shown_as_such() -> None:
    rows: dict[str, list[float]] = {
        "a": [0.9, 0.91, 0.92],
        "b": [0.5, 0.51, 0.52],
        "c": [float("inf"), 0.9, 0.9],
        "d": [float("nan"), 0.1, 0.1],
    }
    records = [record(name, seed, {"knn": each}) for name, row in rows.items() for seed, each in enumerate(row)]
    (table,) = build(records)
    assert {row.label: [*map(str, row.ranks)] for row in table.rows} == {"a": ["1"], "b": ["2"], "c": [], "d": []}
    found = pairwise(table)
    assert found
    assert set(found.counts) == {(0, 1), (1, 0)}
    for output in FORMATS:
        assert "inf" in render(records, output)
    assert re.search(r"\| c +\| +inf +\|", render(records))


@pytest.mark.parametrize("label", ["rank", "n", "method", "mean rank"])
def test_an_evaluator_named_as_a_column_of_the_table_does_not_double_it(label: str) -> None:
    records = [record(name, seed, {label: 0.5 + seed / 100}) for name in "ab" for seed in range(2)]
    header = next(line for line in render(records).splitlines() if line.startswith("| method"))
    titles = [each.strip() for each in header.strip("|").split("|")]
    assert titles == ["method", f"{label} accuracy", "mean rank", "n"]


def test_one_metric_is_not_said_to_be_several() -> None:
    assert "over the metric above in which" in pairs(build(on("x", **FOUR))[0])
    both = [record("a", 0, {"knn": 0.5, "linear": 0.6})]
    assert "over the 2 metrics above in which" in pairs(build(both)[0])


def test_a_table_of_backbones() -> None:
    records = [
        record("simclr", seed, {"knn": level + seed / 100}, backbone=component(name))
        for name, level in (("conv4", 0.5), ("resnet18", 0.8))
        for seed in range(3)
    ]
    assert len(build(records)) == 2
    (table,) = build(records, View(by="backbone"))
    assert table.title == "glyphs · simclr"
    assert [(row.label, row.ranks) for row in table.rows] == [("resnet18", [(1, 1)]), ("conv4", [(2, 2)])]
    markdown = render(records, view=View(by="backbone"))
    assert "| backbone" in markdown
    assert "- Method: simclr" in markdown
    assert "- Backbone resnet18: resnet18" in markdown


def test_only_the_metrics_that_are_asked_for() -> None:
    records = [record(name, seed, {"knn": 0.5, "linear": 0.6}) for name in "ab" for seed in range(2)]
    (table,) = build(records, View(metrics=("Linear",)))
    assert [column.title for column in table.columns] == ["linear"]
    assert "evaluator knn" not in render(records, view=View(metrics=("linear",))).lower()
    assert len(build(records, View(metrics=("accuracy",)))[0].columns) == 2
    with pytest.raises(UsageError, match=r"--metric knm: no record has this metric\. Did you mean 'knn'"):
        build(records, View(metrics=("linear", "knm")))


def test_a_pivot_has_data_sets_for_columns() -> None:
    records = [*many("xy", **FOUR), *on("x", e=0.95)]
    markdown = " ".join(render(records, view=View(pivot=True)).split())
    assert "## knn | method | x · conv4 | y · conv4 | mean rank |" in markdown
    assert "| e | **95.0 ± 1.3 (1)** | – | 1.0 |" in markdown
    assert "Not scored on every data set, so ranks are over fewer: e." in markdown
    lines = list(csv.DictReader(io.StringIO(render(records, "csv", view=View(pivot=True)))))
    assert [line["method"] for line in lines] == ["e", "a", "b", "c", "d"]
    assert {key: lines[1][key] for key in ("metric", "method", "mean_rank")} == {
        "metric": "knn",
        "method": "a",
        "mean_rank": "1.5",  # second on x, first on y
    }
    assert [float(lines[1][key]) for key in ("x · conv4", "y · conv4")] == pytest.approx([0.9, 0.9])


def test_a_pivot_has_what_an_evaluator_scores_on_for_columns() -> None:
    """The same evaluator on data of its own is the same metric; with other options it is another."""

    def scored(label: str, value: float, **options: Any) -> dict[str, Any]:
        return evaluation(label, {"accuracy": metric(value, shown="percent")}, **options)

    def elsewhere(label: str, value: float, **options: Any) -> dict[str, Any]:
        found = scored(label, value, **options)
        return found | {"evaluator": found["evaluator"] | {"data": component("y")}}

    found = {"own": scored("knn", 0.9), "y": elsewhere("knn on y", 0.6), "z": elsewhere("of three", 0.5, k=3)}
    records = [record("a", seed, evaluations=found, dataset=component("x")) for seed in range(2)]
    shown = " ".join(render(records, view=View(pivot=True)).split())
    assert "## knn | method | x · conv4 | x · conv4 → y | mean rank |" in shown
    assert "## of three | method | x · conv4 → y | mean rank |" in shown
    lines = {
        each["metric"]: each for each in csv.DictReader(io.StringIO(render(records, "csv", view=View(pivot=True))))
    }
    assert (lines["knn"]["x · conv4"], lines["knn"]["x · conv4 → y"]) == ("0.9", "0.6")
    assert (lines["of three"]["x · conv4"], lines["of three"]["x · conv4 → y"]) == ("", "0.5")


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("view", [View(), View(pivot=True), View(by="backbone"), View(metrics=("knn",))])
def test_every_view_is_the_same_for_any_order(output: Format, view: View) -> None:
    records = many("xyz", **FOUR)
    first = render(records, output, view=view)
    for seed in range(3):
        random.Random(seed).shuffle(records)
        assert render(records, output, view=view) == first


def test_a_diagram_closes_no_marker_and_is_no_markup() -> None:
    names: dict[str, Any] = {"</pre><!-- end of leaderboard -->": 0.9, "b": 0.8, "c": 0.7}
    records = many("xy", **names)
    assert rankings(build(records))
    for output in ("markdown", "html"):
        assert "<!-- end" not in render(records, output)  # type: ignore[arg-type]  # one of its formats
