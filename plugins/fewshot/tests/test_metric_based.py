"""Matching Networks, Relation Networks, R2D2 and MetaOptNet against plain loops, and scikit-learn's ridge regression
and support vector machine."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness_fewshot import MatchingConfig, MetaOptNetConfig, R2D2Config, RelationConfig
from harness_fewshot.episodic import Episodic
from harness_fewshot.matching import MatchingNetworks
from harness_fewshot.metaoptnet import MetaOptNet, machine, on_simplex
from harness_fewshot.r2d2 import R2D2, ridge_regression, with_one
from harness_fewshot.relation import RelationNetworks
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from harness import Data, EpisodeBatch
from harness.learning.data.batches import Source

EPISODE = {"ways": 4, "shots": 3, "queries": 2, "tasks": 2}
Row = list[float]


def cosine(one: Row, other: Row) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def attended(method: Episodic, support: list[Row], labels: list[int], query: Row) -> Row:
    """Equation 1 of Vinyals et al., a number at a time: log probabilities of the classes."""
    attention = [math.exp(method.config.scale * cosine(query, each)) for each in support]  # type: ignore[attr-defined]
    shares = [0.0] * (max(labels) + 1)
    for weight, label in zip(attention, labels, strict=True):
        shares[label] += weight / sum(attention)
    return [math.log(share) for share in shares]


def related(method: Episodic, support: list[Row], labels: list[int], query: Row) -> Row:
    """Equation 1 of Sung et al., by hand: the relation module on a class and a query side by side."""
    first, norm, _, last, _ = method.relation  # type: ignore[union-attr,misc]
    spread = (norm.running_var + norm.eps).sqrt()
    scores = []
    for way in range(max(labels) + 1):
        members = [row for row, label in zip(support, labels, strict=True) if label == way]
        pair = [sum(column) / len(members) for column in zip(*members, strict=True)] + query
        hidden = [
            max(0.0, (sum(a * b for a, b in zip(row, pair, strict=True)) - mean) / deviation)
            for row, mean, deviation in zip(
                first.weight.tolist(), norm.running_mean.tolist(), spread.tolist(), strict=True
            )
        ]
        [weights], [bias] = last.weight.tolist(), last.bias.tolist()
        scores.append(1 / (1 + math.exp(-sum(a * b for a, b in zip(weights, hidden, strict=True)) - bias)))
    return scores


def regressed(method: Episodic, support: list[Row], labels: list[int], query: Row) -> Row:
    """scikit-learn's ridge regression; a further column of ones is the bias, which is as any other weight."""
    ridge = Ridge(alpha=float(method.log_ridge.exp()), fit_intercept=False)  # type: ignore[operator,union-attr]
    targets = torch.eye(max(labels) + 1, dtype=torch.float64)[labels]
    ridge.fit([[*row, 1.0] for row in support], targets.numpy())
    return [method.scale.item() * each for each in ridge.predict([[*query, 1.0]])[0].tolist()]  # type: ignore[arg-type]


def separated(method: Episodic, support: list[Row], labels: list[int], query: Row) -> Row:
    """scikit-learn's machine of Crammer and Singer, without a bias."""
    found = LinearSVC(
        C=method.config.c,
        multi_class="crammer_singer",
        fit_intercept=False,
        tol=1e-8,
        max_iter=100_000,  # type: ignore[attr-defined]
    ).fit(support, labels)
    return [method.scale.item() * each for each in found.decision_function([query])[0].tolist()]  # type: ignore[arg-type]


def negative_log_softmax(logits: Row, target: int) -> float:
    return math.log(sum(map(math.exp, logits))) - logits[target]


def squared_error(scores: Row, target: int) -> float:
    return sum((score - (i == target)) ** 2 for i, score in enumerate(scores)) / len(scores)


CASES = [
    (MatchingNetworks, MatchingConfig(**EPISODE, scale=3.0), attended, negative_log_softmax),
    (RelationNetworks, RelationConfig(**EPISODE, hidden_dim=5), related, squared_error),
    (R2D2, R2D2Config(**EPISODE, ridge=0.7, scale=4.0), regressed, negative_log_softmax),
    (MetaOptNet, MetaOptNetConfig(**EPISODE, c=0.3, steps=2000, scale=2.0), separated, negative_log_softmax),
]


def settled(method: Episodic) -> Episodic:
    """With running statistics in the relation module, which the loop above takes."""
    for norm in method.modules():
        if isinstance(norm, nn.BatchNorm1d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            norm.eval()
    return method


def drawn(method: Episodic, data: Data) -> EpisodeBatch:
    batch: EpisodeBatch = method.batches.draw(Source(data, 1, 0), 0)  # type: ignore[union-attr]
    return batch._replace(support=batch.support.double(), query=batch.query.double())


@pytest.mark.parametrize(("kind", "config", "loop", "criterion"), CASES, ids=lambda each: getattr(each, "__name__", ""))
def test_the_loss_is_that_of_a_loop(
    kind: Any, config: Any, loop: Any, criterion: Any, gratings: Data, tiny_net: nn.Module
) -> None:
    torch.manual_seed(1)
    method = settled(kind(tiny_net, config, gratings).double().train())
    batch = drawn(method, gratings)
    inputs = torch.cat([batch.support, batch.query], 1)
    features = tiny_net(inputs.flatten(0, 1)).detach().unflatten(0, (2, -1))  # one batch norm over both tasks
    losses, right = [], []
    for task in range(2):
        support, query = features[task].float().double().split([12, 8])  # the loss goes on in float32
        for row, target in zip(query.tolist(), batch.query_labels[task].tolist(), strict=True):
            logits = loop(method, support.tolist(), batch.support_labels[task].tolist(), row)
            losses.append(criterion(logits, target))
            right.append(logits.index(max(logits)) == target)
    method.float()  # what follows the features; the backbone gives those of float64
    method.backbone.double()
    scalars = method.loss(batch)
    assert scalars["loss"].item() == pytest.approx(sum(losses) / 16, abs=1e-5)
    assert scalars["accuracy"].item() == pytest.approx(sum(right) / 16)


@pytest.mark.parametrize(("kind", "config", "loop", "criterion"), CASES, ids=lambda each: getattr(each, "__name__", ""))
def test_adaptation_is_the_training_rule_for_every_episode(
    kind: Any, config: Any, loop: Any, criterion: Any, gratings: Data, tiny_net: nn.Module
) -> None:
    """With the support set in any order, as an evaluator may give it."""
    method = settled(kind(tiny_net, config, gratings).double().eval())
    draw = torch.Generator().manual_seed(0)
    width = tiny_net.feature_dim
    support, query = (torch.randn(3, number, width, generator=draw, dtype=torch.float64) for number in (12, 5))
    labels = torch.stack([torch.arange(4).repeat_interleave(3)[torch.randperm(12, generator=draw)] for _ in range(3)])
    logits = method.adapt(support, labels, 4)(query)
    for episode in range(3):
        for found, row in zip(logits[episode].tolist(), query[episode].tolist(), strict=True):
            expected = loop(method, support[episode].tolist(), labels[episode].tolist(), row)
            assert found == pytest.approx(expected, abs=1e-5)
    assert criterion(expected, 0) > 0


@pytest.mark.parametrize("samples", [4, 30])
def test_the_ridge_regression_is_the_one_of_the_normal_equations(samples: int) -> None:
    """With fewer samples than dimensions, and with more; and its gradient is that of finite differences."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(2, samples, 6, generator=draw, dtype=torch.float64)
    targets = torch.randn(2, samples, 3, generator=draw, dtype=torch.float64)
    ridge = torch.tensor(0.3, dtype=torch.float64)
    extended = with_one(rows)
    normal = extended.mT @ extended + ridge * torch.eye(7, dtype=torch.float64)
    torch.testing.assert_close(
        ridge_regression(extended, targets, ridge), torch.inverse(normal) @ extended.mT @ targets
    )
    inputs = (rows.requires_grad_(), targets, ridge.requires_grad_())
    assert torch.autograd.gradcheck(ridge_regression, inputs)


@pytest.mark.parametrize(("shots", "tolerance"), [(1, 0.002), (5, 0.06)])
def test_the_default_steps_of_the_solver_are_nearly_all_of_the_way(shots: int, tolerance: float) -> None:
    """On features without classes, which are the hardest, as they reach the bounds; in all queries' outputs."""
    draw = torch.Generator().manual_seed(0)
    samples, queries = (3 * torch.rand(5, n, 64, generator=draw, dtype=torch.float64) for n in (5 * shots, 75))
    classes = torch.eye(5, dtype=torch.float64).repeat_interleave(shots, 0).expand(5, -1, -1)
    expected = queries @ machine(samples, classes, 0.1, 2000)
    found = queries @ machine(samples, classes, 0.1, MetaOptNetConfig().steps)
    assert (found - expected).abs().mean() < tolerance * expected.abs().mean()


def test_rows_are_projected_on_the_simplex() -> None:
    """No other of many random points of the simplex is nearer."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(6, 4, generator=draw, dtype=torch.float64)
    found = on_simplex(rows, 0.5)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.full((6,), 0.5, dtype=torch.float64))
    others = 0.5 * torch.distributions.Dirichlet(torch.ones(4, dtype=torch.float64)).sample((5000,))
    assert (torch.cdist(rows, others).amin(1) >= (rows - found).norm(dim=1)).all()
    assert torch.autograd.gradcheck(lambda each: on_simplex(each, 0.5), (rows.requires_grad_(),))


def test_the_gradient_of_the_machine_is_that_of_finite_differences() -> None:
    samples = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.eye(3, dtype=torch.float64).repeat(2, 1).expand(2, -1, -1)

    def fitted(each: Tensor) -> Tensor:
        return machine(each, classes, 0.3, 1000)

    slope = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    direction = torch.randn(samples.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ends = [(fitted(samples + step * direction) * slope).sum() for step in (1e-5, -1e-5)]
    (found,) = torch.autograd.grad((fitted(samples.requires_grad_()) * slope).sum(), samples)
    assert float((found * direction).sum()) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-3)


def test_under_autocast_the_ridge_regression_is_solved_in_float32(gratings: Data, tiny_net: nn.Module) -> None:
    method = R2D2(tiny_net, R2D2Config(**EPISODE), gratings)
    support = torch.randn(1, 12, tiny_net.feature_dim, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(4).repeat_interleave(3)[None]
    expected = method.adapt(support, labels, 4)(support)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method.adapt(support, labels, 4)(support), expected)


@pytest.mark.parametrize(("kind", "config"), [(kind, config) for kind, config, *_ in CASES])
def test_every_weight_learns_from_a_batch(kind: Any, config: Any, gratings: Data, tiny_net: nn.Module) -> None:
    method = kind(tiny_net, config, gratings).train()
    method.loss(method.batches.draw(Source(gratings, 1, 0), 0))["loss"].backward()
    slopes: dict[str, Tensor | None] = {name: weight.grad for name, weight in method.named_parameters()}
    assert [name for name, slope in slopes.items() if slope is None or not slope.any()] == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (MatchingConfig, {"ways": 1}),
        (MatchingConfig, {"scale": 0.0}),
        (RelationConfig, {"hidden_dim": 0}),
        (R2D2Config, {"ridge": -1.0}),
        (R2D2Config, {"queries": 0}),
        (MetaOptNetConfig, {"c": 0.0}),
    ],
)
def test_impossible_options_are_refused(kind: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**values)
