"""Both losses against loops in float64; what a step sees; what `encode` gives."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from harness_text import GrammarConfig, WordsConfig
from harness_text.configs import SimCSEConfig, SupervisedConfig
from harness_text.grammar import Grammar
from harness_text.losses import simcse, supervised
from harness_text.pairs import Pairs, paired
from harness_text.simcse import SimCSE, SupervisedSimCSE
from harness_text.words import Words
from torch import Tensor

from harness import Data, Split, UsageError
from harness.learning.building import as_taken
from harness.learning.data.batches import Source
from harness.testing.problem import gratings, small_net


def similarity(one: Tensor, other: Tensor) -> Tensor:
    return one @ other / (one.norm() * other.norm())


def loop(first: Tensor, second: Tensor, t: float, negative: Tensor, known: Tensor, alpha: float) -> Tensor:
    """Gao et al. 2021, eq. 5 with the appendix's alpha, a row and a candidate at a time, in float64."""
    first, second, negative = (each.double() for each in (first, second, negative))
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(first)):
        below = torch.zeros((), dtype=torch.float64)
        for j in range(len(first)):
            below = below + (similarity(first[i], second[j]) / t).exp()
            if known[j]:
                below = below + (alpha if i == j else 1.0) * (similarity(first[i], negative[j]) / t).exp()
        total = total - ((similarity(first[i], second[i]) / t).exp() / below).log()
    return total / len(first)


@pytest.mark.parametrize("known", [[True] * 6, [True, False, True, True, False, False], [False] * 6])
@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_losses_and_their_gradients_equal_a_loop(known: list[bool], alpha: float) -> None:
    drawn = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    has = torch.tensor(known)
    expected = loop(drawn[0], drawn[1], 0.2, drawn[2], has, alpha)
    losses = [supervised(*drawn, has, 0.2, alpha)]
    if not any(known):
        losses.append(simcse(drawn[0], drawn[1], 0.2))
    for loss in losses:
        torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)
        slopes = (torch.autograd.grad(each, drawn, retain_graph=True)[0] for each in (loss, expected))
        torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)


def test_the_loss_is_of_rows_alone_and_in_float32_under_autocast() -> None:
    """Two sentences share a first view: its row cannot tell them apart, while each second view could."""
    first, second = torch.eye(2)[[0, 0]], torch.eye(2)
    assert simcse(first, second, 1.0).item() == pytest.approx(
        (math.log1p(math.exp(-1)) + math.log1p(math.exp(1))) / 2, rel=1e-5
    )
    drawn = torch.randn(2, 16, 8)
    with torch.autocast("cpu", torch.bfloat16):
        within = simcse(*drawn, 0.05)
    assert torch.equal(within, simcse(*drawn, 0.05))


@pytest.fixture(scope="module")
def grammar(tmp_path_factory: pytest.TempPathFactory) -> tuple[Words, Data]:
    """A small one, and a backbone for it, with its tokens."""
    folder = tmp_path_factory.mktemp("grammar")
    dataset = Grammar(GrammarConfig(triples=60), folder)
    splits = dataset.load()
    data = Data.of(splits, dataset.modality(splits), torch.device("cpu"))
    torch.manual_seed(0)
    words = Words(WordsConfig(width=16, vocabulary=500), data.modality.shape)
    words.fit_tokenizer(data.train.samples, folder)  # type: ignore[arg-type]  # texts
    return words, as_taken(words, replace(data, modality=data.modality.prepared_for(words)))


def test_the_head_is_for_training_only(grammar: tuple[Words, Data]) -> None:
    words, data = grammar
    for method in (SimCSE(words, SimCSEConfig(), data), SupervisedSimCSE(words, SupervisedConfig(), data)):
        tokens = data.inputs(data.split("test").samples[:5])
        assert torch.equal(method.eval().encode(tokens), words.eval()(tokens))
        assert len(list(method.head.parameters())) == 2
        method.train()


def test_two_views_differ_by_dropout_in_training_and_features_do_not(grammar: tuple[Words, Data]) -> None:
    words, data = grammar
    method = SimCSE(words, SimCSEConfig(), data)
    views = method.batches.draw(Source(data, 8, 0), 0)
    assert torch.equal(*views)
    method.train()
    first, second = method.projected(views)
    assert not torch.isclose(first, second).all(1).any()
    assert torch.equal(method.eval().encode(views[0]), method.encode(views[0]))


@pytest.mark.parametrize("view", ["crop", "delete"])
def test_the_option_view_reaches_the_batches(view: Any, grammar: tuple[Words, Data]) -> None:
    words, data = grammar
    first, second = SimCSE(words, SimCSEConfig(view=view, rate=0.5), data).batches.draw(Source(data, 8, 0), 0)
    assert not torch.equal(first, second)
    lengths = (first != words.pad).sum(1).float().mean() / (data.train.samples != words.pad).sum(1).float().mean()
    assert 0.35 < float(lengths) < 0.65


def test_an_epoch_has_each_pair_once_with_its_own_negative(grammar: tuple[Words, Data]) -> None:
    _, data = grammar
    train, batches, source = data.train, Pairs(), Source(data, 10, 3)
    assert batches.steps_per_epoch(source) == 6
    assert batches.samples_per_step(source) == 30
    row = {tuple(tokens[tokens != 0].tolist()): number for number, tokens in enumerate(train.samples)}
    epochs = []
    for epoch in range(2):
        seen = []
        for step in range(6):
            sentences, known = batches.draw(source, 6 * epoch + step)
            assert known.all()
            for triple in sentences.unbind(1):
                first, second, negative = (row[tuple(each[each != 0].tolist())] for each in triple)
                assert train.column("pair")[first] == second
                assert train.column("negative")[first] == negative
                seen.append(first)
        assert sorted(seen) == (train.column("pair") >= 0).nonzero()[:, 0].tolist()
        epochs.append(seen)
    assert epochs[0] != epochs[1]


def test_parts_of_two_devices_are_the_batch_of_one(grammar: tuple[Words, Data]) -> None:
    _, data = grammar
    for step in (0, 5, 7):
        whole, own = Pairs().draw(Source(data, 8, 0), step), []
        for rank in range(2):
            part = Pairs().draw(Source(data, 8, 0, rank, 2), step).sentences
            own.append(torch.nn.functional.pad(part, (0, whole.sentences.shape[2] - part.shape[2])))
        assert torch.equal(torch.cat(own, 1), whole.sentences)


def with_columns(data: Data, **columns: Tensor) -> Data:
    train = data.train
    split = Split(train.samples, train.labels, train.classes, columns)
    return replace(data, splits={**data.splits, "train": split})


def test_pairs_without_a_negative_have_none_in_the_loss(grammar: tuple[Words, Data]) -> None:
    words, data = grammar
    pair, negative = data.train.column("pair"), data.train.column("negative").clone()
    negative[(pair >= 0).nonzero()[::2]] = -1
    some = with_columns(data, pair=pair, negative=negative)
    sentences, known = Pairs().draw(Source(some, 20, 0), 0)
    assert sentences.shape[0] == 3
    assert 0 < int(known.sum()) < 20
    assert torch.equal(sentences[2][~known], sentences[1][~known])
    none = with_columns(data, pair=pair)
    sentences, known = Pairs().draw(Source(none, 20, 0), 0)
    assert sentences.shape[0] == 2
    assert not known.any()
    assert SupervisedSimCSE(words, SupervisedConfig(), none).loss(Pairs().draw(Source(none, 20, 0), 0)).isfinite()
    assert len(paired(none.train).rows) == 2


def test_what_cannot_be_learned_from_is_refused(grammar: tuple[Words, Data]) -> None:
    _, data = grammar
    refused = [
        (with_columns(data), 8, 1, "the split 'train' has no pairs: this takes a column 'pair'"),
        (data, 61, 1, "batch_size is 61, but the split 'train' has only 60 pairs"),
        (data, 9, 2, "a batch of 9 cannot be divided evenly over 2 devices"),
    ]
    for given, size, ranks, said in refused:
        with pytest.raises(UsageError, match=said):
            Pairs().check(Source(given, size, 0, 0, ranks))
    with pytest.raises(UsageError, match="simcse is for texts, and these are images"):
        SimCSE(small_net().spec.load()(None, (1, 12, 12)), SimCSEConfig(), gratings())
    Pairs().check(Source(data, 60, 0))


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (SimCSEConfig, {"temperature": 0.0}),
        (SimCSEConfig, {"rate": 1.0}),
        (SupervisedConfig, {"temperature": -1.0}),
        (SupervisedConfig, {"negative_weight": 0.0}),
    ],
)
def test_impossible_options_are_refused(config: Any, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        config(**wrong)
