"""Correlations against scipy and a bootstrap; which pairs count; retrieval and uniformity of pairs; the kit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness_text.configs import PairsConfig, SimilarityConfig
from harness_text.same_meaning import PairRetrieval, PairUniformity
from harness_text.sts import STS, spearman_units
from scipy.stats import spearmanr
from torch import Tensor, nn

from harness import Data, Method, Metric, NoOptions, Split, Text, Trained, UsageError
from harness.testing import check_evaluator

NAN = float("nan")


class AsIs(nn.Module):
    """Features are looked up by the only token."""

    feature_dim = 4

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table[tokens[:, 0]]


def split(scores: list[float], subset: list[int] | None = None) -> Split:
    """Pairs of these scores: first sentences, then second ones, each a token of its own."""
    n = len(scores)
    columns = {
        "pair": torch.cat([torch.arange(n, 2 * n), torch.full((n,), -1)]),
        "score": torch.tensor([*scores, *[NAN] * n]),
        "subset": torch.tensor([*(subset or [0] * n), *[0] * n]),
    }
    return Split(torch.arange(2 * n)[:, None], columns=columns)


def trained(splits: Mapping[str, Split], seed: int = 0) -> Trained:
    most = max(map(len, splits.values()))
    table = torch.randn(most, 4, generator=torch.Generator().manual_seed(seed))
    data = Data.of({"train": Split(torch.zeros(2, 1, dtype=torch.int64)), **splits}, Text(), torch.device("cpu"))
    return Trained(Method(AsIs(table), NoOptions(), data).eval(), data)


def cosines(known: Trained, name: str) -> Any:
    features = F.normalize(known.features(name).double(), dim=1)
    n = len(features) // 2
    return (features[:n] * features[n:]).sum(1).numpy()


def drawn(n: int, seed: int, levels: int = 6) -> list[float]:
    """Scores with ties, as people give them."""
    return [float(each) for each in torch.randint(levels, (n,), generator=torch.Generator().manual_seed(seed))]


def test_all_is_scipys_correlation_of_a_task_and_spearman_the_mean_of_tasks() -> None:
    tasks = {"sts12": split(drawn(80, 1)), "sts13": split(drawn(31, 2))}
    known = trained(tasks)
    found = STS(SimilarityConfig()).evaluate(known)
    expected = {
        name: spearmanr(cosines(known, name), each.column("score")[: len(each) // 2]).statistic
        for name, each in tasks.items()
    }
    assert list(found) == ["sts12", "sts13", "spearman"]
    for name, value in {**expected, "spearman": float(np.mean(list(expected.values())))}.items():
        assert found[name].value == pytest.approx(value, abs=1e-7)
        assert found[name].shown == "percent"
        assert found[name].unit == "pair"
    assert (found["sts12"].n, found["spearman"].n) == (80, 111)
    one = STS(SimilarityConfig(splits=("sts13",))).evaluate(known)
    assert one["sts13"].value == one["spearman"].value == found["sts13"].value


def test_all_is_not_the_mean_of_subsets() -> None:
    """Subset 0 has the higher scores, whatever the cosines."""
    subset = [0] * 40 + [1] * 10
    scores = [*(each + 10 for each in drawn(40, 1)), *drawn(10, 2)]
    task = {"sts12": split(scores, subset)}
    known = trained(task)
    inside = [
        spearmanr(cosines(known, "sts12")[part], np.array(scores)[part]).statistic
        for part in (slice(40), slice(40, 50))
    ]
    expected = {
        "all": spearmanr(cosines(known, "sts12"), scores).statistic,
        "mean": np.mean(inside),
        "wmean": 0.8 * inside[0] + 0.2 * inside[1],
    }
    found: dict[str, Metric] = {
        name: STS(SimilarityConfig(aggregation=name)).evaluate(known)["sts12"]  # type: ignore[arg-type]
        for name in expected
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-7)
    values = sorted(each.value for each in found.values())
    assert min(np.diff(values)) > 0.01
    assert [each.protocol for each in found.values()] == ["", "mean over subsets", "mean over subsets by their sizes"]


def bootstrap(parts: list[tuple[Any, Any]], weights: list[float], times: int = 1500) -> float:
    """1.96 deviations of the weighted sum of correlations, each part drawn anew by itself."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(times):
        total = 0.0
        for (one, other), weight in zip(parts, weights, strict=True):
            rows = random.integers(len(one), size=len(one))
            total += weight * spearmanr(one[rows], other[rows]).statistic
        found.append(total)
    return float(1.96 * np.std(found))


def correlated(n: int, seed: int, slope: float) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    one = random.standard_normal(n)
    return np.round(2 * one) / 2, slope * one + random.standard_normal(n)


def test_the_interval_is_that_of_a_bootstrap() -> None:
    """Products of ranks alone would say about twice as much."""
    parts = [correlated(300, 1, 2.0), correlated(100, 2, 0.5)]
    task = split([*parts[0][0], *parts[1][0]], [0] * 300 + [1] * 100)
    units = spearman_units(*(torch.from_numpy(each) for each in parts[0]))
    half = Metric.mean(units, "pair").half_width
    assert half == pytest.approx(bootstrap(parts[:1], [1.0]), rel=0.12)
    angles = torch.from_numpy(np.argsort(np.argsort(np.concatenate([parts[0][1], parts[1][1]])))) / 400 * 3
    table = torch.cat([torch.stack([angles.cos(), angles.sin()], 1), torch.tensor([[-1.0, 0.0]]).expand(400, 2)])
    data = Data.of({"train": task, "test": task}, Text(), torch.device("cpu"))
    known = Trained(Method(AsIs(table.float()), NoOptions(), data).eval(), data)
    for aggregation, weights in (("mean", [0.5, 0.5]), ("wmean", [0.75, 0.25])):
        found = STS(SimilarityConfig(aggregation=aggregation)).evaluate(known)["test"]  # type: ignore[arg-type]
        assert found.value == pytest.approx(
            sum(weight * spearmanr(*part).statistic for weight, part in zip(weights, parts, strict=True)), abs=0.01
        )
        assert found.half_width == pytest.approx(bootstrap(parts, weights), rel=0.12)


def test_features_that_are_all_the_same_put_nothing_in_order() -> None:
    task = split(drawn(20, 1))
    data = Data.of({"train": task, "test": task}, Text(), torch.device("cpu"))
    found = STS(SimilarityConfig()).evaluate(Trained(Method(AsIs(torch.ones(40, 4)), NoOptions(), data).eval(), data))
    assert found["spearman"].value == 0.0
    assert np.isfinite(found["spearman"].half_width)


def test_what_has_no_order_to_find_is_refused() -> None:
    plain = Split(torch.zeros(4, 1, dtype=torch.int64))
    unscored = split([NAN] * 4)
    refused: list[tuple[Mapping[str, Split], SimilarityConfig, str]] = [
        ({"test": plain, "more": unscored}, SimilarityConfig(), "no split but 'train' has scored pairs"),
        ({"test": plain}, SimilarityConfig(splits=("test",)), "the split 'test' has no scored pairs"),
        ({"test": unscored}, SimilarityConfig(splits=("tset",)), "no split 'tset'; it has train, test"),
        ({"test": split([3.0] * 4)}, SimilarityConfig(), "the split 'test' has no two pairs with different scores"),
        (
            {"test": split([1.0, 2.0, 3.0], [0, 0, 7])},
            SimilarityConfig(aggregation="mean"),
            "the split 'test', subset 7, has no two pairs",
        ),
    ]
    for splits, config, said in refused:
        known = trained(splits)
        with pytest.raises(UsageError, match=said):
            STS(config).check(known.method, known.data)
    known = trained({"test": split([1.0, 2.0]), "more": unscored})
    STS(SimilarityConfig()).check(known.method, known.data)
    assert list(STS(SimilarityConfig()).evaluate(known)) == ["test", "spearman"]
    with pytest.raises(ValueError, match="names one twice"):
        SimilarityConfig(splits=("a", "a"))


def on(table: list[list[float]], scores: list[float], tokens: list[int] | None = None) -> Trained:
    given = split(scores)
    test = Split(torch.tensor(tokens or range(len(given)))[:, None], columns=given.columns)
    data = Data.of({"train": test, "test": test}, Text(), torch.device("cpu"))
    return Trained(Method(AsIs(torch.tensor(table)), NoOptions(), data).eval(), data)


def test_places_of_pairs_by_hand() -> None:
    """Second sentences at 0, 90, 180 degrees; the first ones are nearest to the own, the own, and the second's."""
    firsts, seconds = [[1.0, 0.1], [0.1, 1.0], [-0.5, 1.0]], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    found = PairRetrieval(PairsConfig()).evaluate(on([*firsts, *seconds], [5.0, 5.0, 5.0]))
    assert found["top-1"].units.tolist() == [1.0, 1.0, 0.0]
    assert found["MRR"].units.tolist() == pytest.approx([1.0, 1.0, 0.5])
    best = PairRetrieval(PairsConfig()).evaluate(on([*firsts, *seconds], [5.0, 4.0, 5.0]))
    assert best["top-1"].units.tolist() == [1.0, 1.0]  # the second pair's sentence is no answer
    assert best["top-1"].protocol == "2 of 3 pairs, the best scored"
    assert PairRetrieval(PairsConfig(least=4.0)).evaluate(on([*firsts, *seconds], [5.0, 4.0, 5.0]))["MRR"].n == 3


def test_ties_win_nothing_and_the_same_text_is_no_wrong_answer() -> None:
    blind = PairRetrieval(PairsConfig()).evaluate(on([[1.0, 0.0]] * 8, [5.0] * 4))
    assert blind["top-1"].value == pytest.approx(1 / 4)
    assert blind["MRR"].value == pytest.approx(1 / 2.5)
    table = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]
    same = PairRetrieval(PairsConfig()).evaluate(on(table, [5.0] * 3, [0, 1, 3, 2, 2, 2]))
    assert same["top-1"].value == 1.0


def test_uniformity_of_pairs_by_hand() -> None:
    found = PairUniformity(PairsConfig()).evaluate(on([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, -3.0]], [5.0, 5.0]))
    assert found["alignment"].units.tolist() == pytest.approx([0.0, 4.0])
    distances = [0.0, 2.0, 2.0, 2.0, 2.0, 4.0]
    assert found["uniformity"].value == pytest.approx(np.log(np.mean(np.exp(-2 * np.array(distances)))))


def pairs(of: Split) -> dict[str, Tensor]:
    """Each but the last of a split with the next one; alike if they are of one class."""
    number = torch.arange(len(of))
    score = torch.cat([(of.labels[1:] == of.labels[:-1]).float(), torch.tensor([NAN])])
    return {"pair": torch.where(number < len(of) - 1, number + 1, -1), "score": score, "subset": number % 2}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sts", {}),
        ("sts", {"splits": ("test",), "aggregation": "wmean"}),
        ("pair_retrieval", {}),
        ("pair_uniformity", {"least": 0.0}),
    ],
)
def test_evaluators_conform(name: str, options: dict[str, Any]) -> None:
    check_evaluator(name, columns=pairs, **options)


def test_an_evaluator_that_needs_columns_is_refused_without() -> None:
    from harness.testing.report import ConformanceError

    with pytest.raises(ConformanceError, match="no split but 'train' has scored pairs"):
        check_evaluator("sts")
