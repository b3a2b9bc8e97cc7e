"""`grammar` is about meaning: to count words does not help, and training does."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_protonet import Config as ProtoNetConfig
from harness_protonet.method import ProtoNet
from harness_text import GrammarConfig, WordsConfig
from harness_text.grammar import AGAINST, PLAIN, Grammar
from harness_text.words import Words
from scipy.stats import spearmanr

from harness import Data, Split, TextShape, draw_episodes
from harness.learning.building import as_taken
from harness.learning.data.batches import gather_episodes


@pytest.fixture(scope="module")
def grammar(tmp_path_factory: pytest.TempPathFactory) -> Data:
    dataset = Grammar(GrammarConfig(triples=600), tmp_path_factory.mktemp("grammar"))
    splits = dict(dataset.load())
    return Data.of(splits, dataset.modality(splits), torch.device("cpu"))


def overlaps(split: Split) -> tuple[torch.Tensor, ...]:
    """Of each pair: common words by all words of the two, score, and subset."""
    pair, score, subset = (split.column(name) for name in ("pair", "score", "subset"))
    first = (pair >= 0).nonzero()[:, 0]
    sets = [set(re.findall(r"\w+", text.lower())) for text in split.samples]
    shared = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in zip(first, pair[first], strict=True)]
    return torch.tensor(shared), score[first], subset[first]


def test_common_words_do_not_tell_what_is_alike(grammar: Data) -> None:
    """Spearman's rho of common words and score is -.26 over the pairs of `test`: .28 of those whose words are drawn at
    random, and -.71 of those whose words are chosen against their meaning. Of `novel` it is -.13."""
    shared, score, subset = overlaps(grammar.split("test"))
    seen = [spearmanr(shared[which], score[which])[0] for which in (subset >= 0, subset == PLAIN, subset == AGAINST)]
    assert seen == pytest.approx([-0.261, 0.278, -0.713], abs=5e-4)
    shared, score, _ = overlaps(grammar.split("novel"))
    assert spearmanr(shared, score)[0] == pytest.approx(-0.130, abs=5e-4)


def test_splits_have_what_they_promise(grammar: Data) -> None:
    texts = {name: [*split.samples] for name, split in grammar.splits.items()}
    assert {name: len(split.classes) for name, split in grammar.splits.items()} == {
        "train": 24, "test": 24, "validation": 4, "novel": 8
    }  # fmt: skip
    assert sum(map(len, texts.values())) == len({text for each in texts.values() for text in each})
    words = {name: set(re.findall(r"\w+", " ".join(each).lower())) for name, each in texts.items()}
    assert words["test"] | words["validation"] | words["novel"] <= words["train"]


def test_triples_are_a_paraphrase_and_a_contradiction(grammar: Data) -> None:
    train = grammar.train
    pair, negative = train.column("pair"), train.column("negative")
    first = (pair >= 0).nonzero()[:, 0]
    assert len(first) == len(train) // 3
    assert (train.labels[first] == train.labels[pair[first]]).all()
    assert (train.labels[first] != train.labels[negative[first]]).all()
    sets = [set(re.findall(r"\w+", text.lower())) for text in train.samples]
    near = [len(sets[a] & sets[train_pair]) < len(sets[a] & sets[other]) for a, train_pair, other in
            zip(first, pair[first], negative[first], strict=True)]  # fmt: skip
    assert sum(near) / len(near) > 0.95  # a contradiction looks more alike than a paraphrase
    assert (pair[pair[first]] == -1).all()


def few_shot(method: Any, data: Data) -> float:
    """5-way 1-shot accuracy on the classes of `novel`."""
    novel = data.split("novel")
    drawn = draw_episodes(novel.by_class, 5, 1, 10, 200, torch.Generator().manual_seed(0))
    batch = gather_episodes(data, novel.samples, drawn)
    with torch.no_grad():
        support, query = (method.eval().encode(each.flatten(0, 1)).unflatten(0, (200, -1)) for each in batch[::2])
        predicted = method.adapt(support, batch.support_labels, 5)(query).argmax(-1)
    return (predicted == batch.query_labels).float().mean().item()


def test_few_shot_classes_of_texts_are_learned(grammar: Data, fit: Any, tmp_path: Path) -> None:
    """Of new events in known words; against the same training at a rate near zero."""
    torch.manual_seed(0)
    backbone = Words(WordsConfig(vocabulary=1000, width=32), TextShape())
    backbone.fit_tokenizer(grammar.train.samples, tmp_path)
    data = as_taken(backbone, replace(grammar, modality=grammar.modality.prepared_for(backbone)))
    method = ProtoNet(backbone, ProtoNetConfig(ways=10, shots=2, queries=5), data)
    still = copy.deepcopy(method)
    fit(still, data, steps=60, lr=1e-9)
    fit(method, data, steps=60, lr=30.0)
    assert few_shot(method, data) - few_shot(still, data) > 0.5
