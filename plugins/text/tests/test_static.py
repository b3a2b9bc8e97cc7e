"""`static` against its formulas, number by number."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_text import StaticConfig
from harness_text.static import SMOOTH, Static
from torch import Tensor

from harness import TextShape, UsageError

TEXTS = ["the cat sat on the mat", "a dog sat on a log", "the dog and the cat ran", "a bird sang", "nobody came"]
NEW = ["The cat sang.", "A bird sat on the log, on the mat!", "zebra"]


def static(texts: list[str] = TEXTS, **options: Any) -> Static:
    torch.manual_seed(0)
    made = Static(StaticConfig(**options), TextShape()).eval()
    made.fit_tokenizer(texts, Path())
    return made


def words(text: str) -> list[str]:
    return text.lower().replace(",", "").replace(".", "").replace("!", "").split()


def cosines(features: Tensor) -> Tensor:
    return torch.nn.functional.normalize(features, dim=1) @ torch.nn.functional.normalize(features, dim=1).T


@pytest.mark.parametrize("weighting", ["counts", "tfidf"])
def test_random_vectors_keep_the_cosines_of_counts_and_of_tfidf(weighting: str) -> None:
    network = static(weighting=weighting, width=2**16)
    every = TEXTS + NEW
    places = {word: place for place, word in enumerate(dict.fromkeys(word for text in every for word in words(text)))}
    exact = torch.zeros(len(every), len(places))
    for row, text in zip(exact, every, strict=True):
        for word, count in Counter(words(text)).items():
            texts = sum(word in words(other) for other in TEXTS)
            weight = 1.0 if weighting == "counts" else math.log((1 + len(TEXTS)) / (1 + texts)) + 1
            row[places[word]] = count * weight
    torch.testing.assert_close(cosines(network(network.tokenize(every))), cosines(exact), atol=0.01, rtol=0)


def test_given_vectors_are_weighted_as_in_the_paper(tmp_path: Path) -> None:
    names = ["the", "cat", "sat", "on", "mat", "a", "dog", "bird", "sang"]
    values = np.random.default_rng(0).normal(size=(len(names), 4)).astype(np.float32)
    lines = (" ".join([name, *map(str, row)]) for name, row in zip(names, values, strict=True))
    (tmp_path / "vectors.txt").write_text("9 4\n" + "\n".join(lines) + "\n")
    np.savez(tmp_path / "vectors.npz", words=np.array(names), vectors=values)
    counts = Counter(word for text in TEXTS for word in words(text) if word in names)

    def mean(text: str) -> Any:
        known = [word for word in words(text) if word in names]
        weighted = [
            SMOOTH / (SMOOTH + counts[word] / counts.total()) * values[names.index(word)].astype(float)
            for word in known
        ]
        return np.sum(weighted, 0) / len(known) if known else np.zeros(4)

    common = np.linalg.svd(np.stack([mean(text) for text in TEXTS]))[2][0]
    expected = np.stack([mean(text) - mean(text) @ common * common for text in NEW])
    for file in ("vectors.txt", "vectors.npz"):
        network = static(vectors=tmp_path / file)
        assert network.feature_dim == 4
        features = network(network.tokenize(NEW))
        np.testing.assert_allclose(features.numpy(), expected, rtol=1e-3, atol=1e-6)
        assert (features[2] == 0).all()  # no word of it has a vector
        torch.testing.assert_close(network(torch.nn.functional.pad(network.tokenize(NEW), (0, 9))), features)


def test_case_matters_where_it_is_asked_for() -> None:
    for cased in (False, True):
        network = static(width=64, cased=cased)
        one, other = network(network.tokenize(["The Cat", "the cat"]))
        assert torch.equal(one, other) is not cased


def test_frequencies_come_with_the_weights_and_texts_without_words_are_zero() -> None:
    network = static(width=64)
    again = Static(StaticConfig(width=64), TextShape()).eval()
    again.load_state_dict(network.state_dict())
    again.fit_tokenizer(["quite other words"], Path())
    tokens = again.tokenize(["", "?!", *TEXTS])
    assert torch.equal(again(tokens), network(tokens))
    assert (again(tokens)[:2] == 0).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("cat 1 2\ndog 1\n", "vectors.txt:2: this line has 1 numbers, and not 2"),
        ("cat 1 2\ndog 1 two\n", "vectors.txt:2: after the first word, everything must be a number"),
        ("2 2\n", "vectors.txt has no vectors"),
    ],
)
def test_what_are_no_vectors_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "vectors.txt").write_text(content)
    with pytest.raises(UsageError) as caught:
        static(vectors=tmp_path / "vectors.txt")
    assert said in str(caught.value)


def test_arrays_that_are_no_vectors_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "vectors.npz", words=np.array(["cat"]))
    with pytest.raises(UsageError, match="needs the arrays 'words' and 'vectors'"):
        static(vectors=tmp_path / "vectors.npz")
    np.savez(tmp_path / "vectors.npz", words=np.array(["cat"]), vectors=np.ones((2, 3)))
    with pytest.raises(UsageError, match="1 words and 2 vectors"):
        static(vectors=tmp_path / "vectors.npz")
