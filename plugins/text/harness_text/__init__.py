"""Registers the text plugin's components. Imports neither torch nor the components."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import Register, TextView, UsageError, hookimpl, option, per_file
from harness_text.configs import PairsConfig, SimCSEConfig, SimilarityConfig, SupervisedConfig

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
class SentencesConfig:
    """Options of `sentences`."""

    path: Path = option(help="a .txt, .csv or .parquet file; README.md says what is in it", identity=False)
    labels: str = option("label", "column of the classes; a table without it has no labels")
    split: str = option("split", "column of train, test, validation or novel")
    held_out: float = option(0.1, "share that becomes `test` if there is no column of splits; 0: all is `train`")
    augmentation: TextView = option(TextView(), AUGMENTATION)

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is a share: at least 0 and below 1, not {self.held_out}")

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)


@dataclass(frozen=True)
class StsConfig:
    """Options of `sts`."""

    path: Path = option(help="a .tsv file of scored pairs; README.md says what is in it", identity=False)
    train: Path | None = option(
        None,
        "sentences to train on, a file as `sentences` takes it; none: those of STS-B's training pairs",
        identity=False,
    )
    augmentation: TextView = option(TextView(), AUGMENTATION)

    def fingerprint(self) -> str:
        return " ".join(file_fingerprint(each) for each in (self.path, self.train) if each)


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file. Raises UsageError if there is no such file."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}.")
    return per_file(_sha256, [path], f"SHA-256 of {path.absolute()}", "files read")[0]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


@dataclass(frozen=True)
class StaticConfig:
    """Options of `static`."""

    vectors: Path | None = option(
        None, "vectors of words: a text file of word2vec or GloVe, or .npz; none: random ones", identity=False
    )
    weighting: Literal["counts", "tfidf", "sif"] = option(
        "sif", "of a word in the mean: counts: 1; tfidf: inverse document frequency; sif: smooth inverse frequency"
    )
    width: int = option(1024, "of random vectors")
    cased: bool = option(False, "whether upper case differs from lower case")

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")

    def fingerprint(self) -> str:
        return file_fingerprint(self.vectors) if self.vectors else "random"


@dataclass(frozen=True)
class TransformerConfig:
    """Options of `transformer`."""

    model: str | None = option(None, "name on Hugging Face's hub; without it and `folder`, a small BERT as said below")
    folder: Path | None = option(None, "a folder with a model's files, instead", identity=False)
    pretrained: bool = option(True, "whether such a model has its weights, or random ones")
    pooling: Literal["mean", "cls", "first_last"] = option(
        "mean", "what the features are: the mean over the tokens, the first one, or the mean of first and last layer"
    )
    length: int = option(128, "most tokens of a text; the rest is cut off")
    layers: int = option(2, "of a small BERT")
    width: int = option(128, "likewise")
    vocabulary: int = option(16_000, "likewise: most word pieces, made of the training texts")
    cased: bool = option(False, "likewise: whether upper case differs from lower case")

    def __post_init__(self) -> None:
        if min(self.length, self.layers, self.width) < 1:
            raise ValueError("length, layers and width must be at least 1")
        if self.width > 64 and self.width % 64:
            raise ValueError(f"width must be at most 64 or a multiple of it, the width of a head, not {self.width}")
        if self.vocabulary < 3:
            raise ValueError(f"vocabulary must be at least 3, not {self.vocabulary}")
        if self.model and self.folder:
            raise ValueError("give either model or folder")

    def fingerprint(self) -> str | None:
        """Of the files of a folder."""
        if self.folder is None:
            return None
        if not (self.folder / "config.json").is_file():
            raise UsageError(f"{self.folder} is no folder of a model: it has no config.json.")
        suffixes = (".json", ".safetensors", ".bin", ".txt", ".model")
        files = sorted(each for each in self.folder.iterdir() if each.suffix in suffixes)
        return hashlib.sha256("\n".join(f"{each.name} {file_fingerprint(each)}" for each in files).encode()).hexdigest()


@hookimpl
def register_datasets(register: Register) -> None:
    register(
        "grammar",
        "harness_text.grammar:Grammar",
        GrammarConfig,
        modality="text",
        summary="Generated sentences, alike by what they mean and not by their words; needs no download",
    )
    register(
        "sentences",
        "harness_text.sentences:Sentences",
        SentencesConfig,
        modality="text",
        summary="Your own sentences, pairs or triples: a .txt, .csv or .parquet file",
    )
    register(
        "sts",
        "harness_text.scored:Sts",
        StsConfig,
        modality="text",
        summary="Pairs of sentences that people scored: STS12 to STS16, STS-B, SICK-R, from your .tsv file",
        paper="Agirre et al. 2012 to 2016; Cer et al. 2017, arXiv:1708.00055; Marelli et al. 2014",
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
    register(
        "static",
        "harness_text.static:Static",
        StaticConfig,
        modality="text",
        summary="Weighted mean of given or random word vectors, without training",
        paper="Arora et al. 2017 (SIF)",
    )
    register(
        "transformer",
        "harness_text.transformer:backbone",
        TransformerConfig,
        modality="text",
        summary="Any encoder of Hugging Face's transformers, or a small BERT with random weights",
        paper="Devlin et al. 2019, arXiv:1810.04805",
    )


@hookimpl
def register_methods(register: Register) -> None:
    recipe = {"optimizer": "adamw", "lr": 0.03, "schedule": "linear", "clip": 1.0}  # for what starts from nothing
    register(
        "simcse",
        "harness_text.simcse:SimCSE",
        SimCSEConfig,
        summary="Finds a sentence passed twice, under two masks of dropout, among the sentences of the batch",
        family="contrastive",
        paper="Gao et al. 2021, arXiv:2104.08821",
        budget=recipe,
    )
    register(
        "simcse_supervised",
        "harness_text.simcse:SupervisedSimCSE",
        SupervisedConfig,
        summary="Finds a sentence's pair among the second sentences and the hard negatives of the batch",
        family="contrastive",
        paper="Gao et al. 2021, arXiv:2104.08821",
        budget=recipe,
    )


@hookimpl
def register_evaluators(register: Register) -> None:
    register(
        "sts",
        "harness_text.sts:STS",
        SimilarityConfig,
        summary="Rank correlation of the cosine of two sentences with human similarity scores",
        paper="Cer et al. 2017, arXiv:1708.00055; Gao et al. 2021, arXiv:2104.08821",
    )
    register(
        "pair_retrieval",
        "harness_text.same_meaning:PairRetrieval",
        PairsConfig,
        summary="Rank of a sentence's pair among the second sentences of all pairs, by cosine",
        paper="Manning et al. 2008, Introduction to Information Retrieval",
    )
    register(
        "pair_uniformity",
        "harness_text.same_meaning:PairUniformity",
        PairsConfig,
        summary="How close two sentences of the same meaning lie on the sphere, and how evenly all cover it",
        paper="Wang and Isola 2020, arXiv:2005.10242",
    )
