"""Conformance checks of `adapt`: what a query's logits may depend on."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.learning.components import Method
from harness.testing.report import Fault
from harness.testing.subjects import Adaptation, MethodSubject, adaptation, ways_of

TOLERANCE = 1e-3  # of the largest logit: sums in another order round otherwise
TRAINED = 3  # steps, after which the running statistics of batch norm are not those of a fresh network
FEW_QUERIES = 5  # of 75


def adapt_gives_logits(subject: MethodSubject) -> None:
    """`adapt`: a classifier of queries, finite logits (E, Q, ways)."""
    method = subject.build().eval()
    given = adaptation(method, subject.data, episodes=2)
    logits = given.logits(method)
    expected = (*given.query_labels.shape, ways_of(method, subject.data))
    if logits.shape != expected or not logits.isfinite().all():
        what = "not finite" if logits.shape == expected else f"{tuple(logits.shape)}, not {expected}"
        raise Fault(
            f"`adapt` gives logits that are {what}", "give (E, Q, ways), one row for each query of each episode"
        )


def queries_may_come_in_any_order(subject: MethodSubject) -> None:
    """Permuted queries have permuted logits."""
    method, given = _trained(subject)
    order = _order(given.query.shape[1])
    _same(
        given.logits(method)[:, order],
        given._replace(query=given.query[:, order]).logits(method),
        "a query's logits depend on its place among the queries",
        "treat every query alike: an evaluator may give them in any order",
    )


def queries_are_classified_apart(subject: MethodSubject) -> None:
    """Unless the method is `transductive`, a query has the same logits whichever other queries there are."""
    method, given = _trained(subject)
    if method.transductive:
        return
    _same(
        given.logits(method)[:, :FEW_QUERIES],
        given._replace(query=given.query[:, :FEW_QUERIES]).logits(method),
        "a query's logits depend on the other queries",
        "take statistics from the support set alone, or set `transductive = True`, which the leaderboard then says",
    )


def the_support_set_may_come_in_any_order(subject: MethodSubject) -> None:
    """Support samples that are permuted with their labels give the same logits."""
    method, given = _trained(subject)
    order = _order(given.support.shape[1])
    permuted = given._replace(support=given.support[:, order], support_labels=given.support_labels[:, order])
    _same(
        given.logits(method),
        permuted.logits(method),
        "the logits depend on the order of the support set",
        "go by `labels`, not by places: the samples of a class need not stand side by side",
    )


def episodes_are_adapted_apart(subject: MethodSubject) -> None:
    """An episode has the same logits alone as after another, and when the first is adapted to once more."""
    method, given = _trained(subject)
    alone = Adaptation(given.support[1:], given.support_labels[1:], given.query[1:], given.query_labels[1:], given.ways)
    expected = alone.logits(method)
    for found in (given.logits(method)[1:], alone.logits(method)):
        _same(
            expected,
            found,
            "an episode's logits depend on what was adapted to before it",
            "start each episode from the trained weights: adapt a copy of them, and keep nothing for the next",
        )


def _trained(subject: MethodSubject) -> tuple[Method, Adaptation]:
    method = subject.trained(TRAINED).eval()
    return method, adaptation(method, subject.data, episodes=2)


def _order(number: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(0))


def _same(expected: Tensor, found: Tensor, seen: str, change: str) -> None:
    if (found - expected).abs().max() > TOLERANCE * expected.abs().max():
        raise Fault(seen, change)


CHECKS = (
    adapt_gives_logits,
    queries_may_come_in_any_order,
    queries_are_classified_apart,
    the_support_set_may_come_in_any_order,
    episodes_are_adapted_apart,
)
