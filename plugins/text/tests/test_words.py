"""`words`: its pieces, and that padding, other texts and a stop of the training change nothing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_text import WordsConfig
from harness_text.pieces import PAD, UNKNOWN, word_pieces
from harness_text.words import Words
from torch import Tensor

from harness import TextShape

TEXTS = ["The cat sat on the mat.", "A dog ran after the cat!", "Dogs and cats ran on and on."]


def words(tmp_path: Path, texts: list[str] = TEXTS, **options: Any) -> Words:
    torch.manual_seed(0)
    made = Words(WordsConfig(vocabulary=120, width=8, **options), TextShape()).eval()
    made.fit_tokenizer(texts, tmp_path)
    return made


def spelt(network: Words, text: str) -> list[str]:
    pieces = [bytes(row).rstrip(b"\0").decode() for row in network.pieces.table.numpy()]
    return [pieces[token] for token in network.tokenize([text])[0].tolist()]


def test_pieces_are_those_of_bert(tmp_path: Path) -> None:
    network = words(tmp_path)
    assert spelt(network, "the cat") == ["the", "cat"]
    assert "".join(spelt(network, "mats")).replace("##", "") == "mats"
    assert spelt(network, "mats") != ["mats"]  # which is in no training text
    assert spelt(network, "Ω") == ["[UNK]"]
    assert spelt(network, "THE CAT") == spelt(network, "the cat")


def test_upper_case_differs_where_it_is_asked_for(tmp_path: Path) -> None:
    network = words(tmp_path, cased=True)
    assert spelt(network, "The") != spelt(network, "the")
    assert spelt(network, "THE")[0] == "[UNK]"  # H is in no training text
    assert not torch.equal(network.pieces.table, words(tmp_path).pieces.table)  # nor in the cache


def test_padding_changes_no_feature(tmp_path: Path) -> None:
    network = words(tmp_path)
    tokens = network.tokenize(TEXTS)
    longer = torch.cat([tokens, torch.full((3, 40), PAD)], 1)
    with torch.no_grad():
        torch.testing.assert_close(network(longer), network(tokens))
        network.embedding.weight[PAD] = 1e6  # whatever a training makes of it
        torch.testing.assert_close(network(longer), network(tokens))


def test_features_are_the_mean_of_the_embeddings(tmp_path: Path) -> None:
    network = words(tmp_path)
    with torch.no_grad():
        expected = network.embedding.weight[network.tokenize(["the cat"])[0]].mean(0)
        assert torch.equal(network(network.tokenize(["the cat", *TEXTS]))[0], expected)
        torch.manual_seed(0)
        one, other = (network.train()(network.tokenize(TEXTS)) for _ in range(2))
        assert not torch.allclose(one, other)  # dropout
        assert torch.equal(network.eval()(network.tokenize(TEXTS)), network(network.tokenize(TEXTS)))


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_sentence_is_an_unknown_token(tmp_path: Path, text: str) -> None:
    network = words(tmp_path)
    assert network.tokenize([text]).tolist() == [[UNKNOWN]]
    with torch.no_grad():
        assert torch.equal(network(network.tokenize([text, *TEXTS]))[0], network.embedding.weight[UNKNOWN])


def test_long_texts_are_cut_off_alike_everywhere(tmp_path: Path) -> None:
    network = words(tmp_path, length=4)
    assert network.tokenize(["the cat " * 50]).shape == (1, 4)


def test_pieces_are_the_same_each_time() -> None:
    """The library's own order differs from run to run, in one process as well."""
    texts = [f"{first}{second} {second}{first}" for first in "abcdefghij" for second in "klmnopqrst"]
    made = {tuple(word_pieces(texts, 90, False)) for _ in range(8)}
    assert len(made) == 1


def test_pieces_are_kept_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = words(tmp_path)
    monkeypatch.setattr("harness_text.pieces.word_pieces", lambda *_: pytest.fail("made again"))
    assert torch.equal(words(tmp_path).pieces.table, first.pieces.table)


def test_weights_come_with_their_pieces(tmp_path: Path) -> None:
    """A training that starts from another goes on with its vocabulary, whatever its own texts are."""
    trained = words(tmp_path)
    follower = Words(WordsConfig(vocabulary=120, width=8), TextShape()).eval()
    follower.load_state_dict(trained.state_dict())
    follower.fit_tokenizer(["quite other words"], tmp_path)
    assert torch.equal(follower.tokenize(TEXTS), trained.tokenize(TEXTS))
    with torch.no_grad():
        copied = copy.deepcopy(trained)(trained.tokenize(TEXTS))
        assert torch.equal(follower(follower.tokenize(TEXTS)), copied)


def test_weights_of_other_pieces_are_refused_once_tokens_are_made(tmp_path: Path) -> None:
    network, other = words(tmp_path), words(tmp_path, ["quite other words"])
    before: Tensor = network.pieces.table.clone()
    network.tokenize(TEXTS)
    with pytest.raises(RuntimeError, match="its word pieces differ"):
        network.load_state_dict(other.state_dict())
    assert torch.equal(network.pieces.table, before)
