"""Registers data sets and backbones of text. Imports neither torch nor what they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from harness import Register, TextView, hookimpl, option

AUGMENTATION = "what differs from the default view, dropout: the same tokens twice"
GRAMMAR = "1"  # which sentences are generated: a change here is a change of the data


@dataclass(frozen=True)
class GrammarConfig:
    """Options of `grammar`."""

    triples: int = option(4000, "training triples: a sentence, its paraphrase, and its contradiction")
    augmentation: TextView = option(TextView(), AUGMENTATION)

    def __post_init__(self) -> None:
        if self.triples < 24:
            raise ValueError(f"triples must be at least 24, one for each class, not {self.triples}")

    def fingerprint(self) -> str:
        return GRAMMAR


@dataclass(frozen=True)
class WordsConfig:
    """Options of `words`."""

    width: int = option(128, "width of an embedding, and of the features")
    dropout: float = option(0.1, "share of the embeddings' values that a pass in training drops")
    vocabulary: int = option(16_000, "most word pieces, made of the training texts")
    cased: bool = option(False, "whether upper case differs from lower case")
    length: int = option(128, "most tokens of a text; the rest is cut off")

    def __post_init__(self) -> None:
        if self.width < 1 or self.length < 1:
            raise ValueError("width and length must be at least 1")
        if self.vocabulary < 3:
            raise ValueError(
                f"vocabulary must be at least 3, of which 2 are padding and what is unknown, not {self.vocabulary}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share: at least 0 and below 1, not {self.dropout}")


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "grammar",
        "harness_text.grammar:Grammar",
        GrammarConfig,
        modality="text",
        summary="Generated sentences, alike by what they mean and not by their words; needs no download",
    )


@hookimpl
def register_backbones(register: Register) -> None:
    register(
        "words",
        "harness_text.words:Words",
        WordsConfig,
        modality="text",
        summary="Mean of learned embeddings of word pieces, which are made of the training texts",
    )
