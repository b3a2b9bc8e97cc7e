"""`sentences` and `sts` read what users have, and say what they leave out."""

from __future__ import annotations

import lzma
import math
from pathlib import Path

import pandas as pd
import pytest
from harness_text import SentencesConfig, StsConfig
from harness_text.scored import Sts
from harness_text.sentences import Sentences

from harness import Split, UsageError

HEADER = "task\tsplit\tsubset\tscore\tsentence1\tsentence2\n"
SCORED = (
    HEADER
    + "STS12\ttest\tMSRvid\t5.0\tA cat sleeps.\tThe cat is asleep.\n"
    + "STS12\ttest\tnews\t0.5\tPrices rose.\tA cat sleeps.\n"
    + "STSB\ttrain\timages\t4.6\tA dog runs.\tA dog is running.\n"
    + "STSB\ttrain\timages\t4.0\tA dog runs.\tThe dog ran.\n"
    + "STSB\ttrain\timages\t1.2\tA man eats.\tIt rains.\n"
    + "STSB\tdev\timages\t3\t\tIt  snows.\n"
)


def sentences(path: Path, **options: object) -> tuple[dict[str, Split], tuple[str, ...]]:
    dataset = Sentences(SentencesConfig(path=path, **options), path.parent)  # type: ignore[arg-type]  # as a suite gives them
    return dict(dataset.load()), dataset.notes


def rows(split: Split, name: str) -> list[float]:
    return split.column(name).tolist()


def test_lines_are_sentences_once_each(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("One.\nTwo.\n\nOne.\n  Two. \nthree\n" + "".join(f"More {number}.\n" for number in range(37)))
    splits, notes = sentences(path)
    assert {name: len(split) for name, split in splits.items()} == {"train": 36, "test": 4}
    assert notes == ("2 left out, as the sentence was there before", "1 left out, as they are empty")
    assert not {*splits["train"].samples} & {*splits["test"].samples}
    again, _ = sentences(path)
    assert again["test"].samples == splits["test"].samples
    assert list(sentences(path, held_out=0.0)[0]) == ["train"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_are_sentences_pairs_and_hard_negatives(tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame(
        {
            "sent0": ["A dog runs.", "A dog runs.", "It rains.", "Snow."],
            "sent1": ["A dog is running.", "The dog ran.", "There is rain.", ""],
            "hard_neg": ["A dog sleeps.", "No dog ran.", "", "Sun."],
        }
    )
    path = tmp_path / f"nli.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    splits, notes = sentences(path, held_out=0.0)
    assert notes == ("1 left out, as the sentence was there before", "1 left out, as they are empty")
    train = splits["train"]
    assert train.samples == ["A dog runs.", "A dog is running.", "A dog sleeps.", "It rains.", "There is rain."]
    assert rows(train, "pair") == [1, -1, -1, 4, -1]
    assert rows(train, "negative") == [2, -1, -1, -1, -1]
    assert all(math.isnan(score) for score in rows(train, "score"))


def test_classes_and_splits_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "labelled.csv"
    path.write_text("what,topic,part\nA,x,train\nB,y,train\nC,y,test\nD,z,novel\n")
    splits, _ = sentences(path, labels="topic", split="part")
    assert {name: split.classes for name, split in splits.items()} == {
        "train": ("x", "y"),
        "test": ("x", "y"),
        "novel": ("z",),
    }
    assert splits["test"].labels.tolist() == [1]
    path.write_text("text,label\n" + "".join(f"{number},{number % 3}\n" for number in range(31)))
    drawn, _ = sentences(path, held_out=0.2)
    assert [len(each) for each in drawn["test"].by_class] == [2, 2, 2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b,c,d\n1,2,3,4\n", "has 4 columns of sentences (a, b, c, d)"),
        ("a,b,label\n1,2,3\n", "classes (the column 'label') are for single sentences"),
        ("a,split\n1,tset\n", "'tset' is not a split. Did you mean 'test'?"),
        ("a,split\n1,test\n", "has no rows of the split 'train'"),
        ("a,label,split\n1,x,train\n2,y,test\n", "'y' is in 'test' and not in 'train'"),
        ("a,label,split\n1,x,train\n2,x,novel\n", "'x' is in 'train' and in 'novel'"),
        ("a,label\n1,x\n2,\n", "some sentences have no class"),
        ("a\n \n", "has no sentences"),
        ("", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        sentences(path)
    assert said in str(caught.value)
    assert "mine.csv" in str(caught.value)


def test_other_files_and_codes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("fine\n\xe4hnlich\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"mine\.txt:2: this line is not UTF-8"):
        sentences(path)
    other = tmp_path / "mine.docx"
    other.touch()
    with pytest.raises(UsageError, match=r"no \.txt, \.csv or \.parquet file"):
        sentences(other)
    packed = tmp_path / "mine.txt.xz"
    packed.write_bytes(lzma.compress(b"one\n")[:-4])
    with pytest.raises(UsageError, match="ends too early"):
        sentences(packed)


def test_scored_pairs_are_splits_by_task(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv.xz"
    path.write_bytes(lzma.compress(SCORED.encode()))
    splits = Sts(StsConfig(path=path), tmp_path).load()
    assert list(splits) == ["train", "sts12", "stsb-dev"]
    assert splits["sts12"].samples == ["A cat sleeps.", "The cat is asleep.", "Prices rose.", "A cat sleeps."]
    assert rows(splits["sts12"], "pair") == [1, -1, 3, -1]
    assert rows(splits["sts12"], "score")[::2] == [5.0, 0.5]
    assert rows(splits["sts12"], "subset")[::2] == [0, 1]
    assert splits["stsb-dev"].samples == ["", "It snows."]
    train = splits["train"]
    assert train.samples == ["A dog runs.", "A dog is running.", "The dog ran.", "A man eats.", "It rains."]
    assert rows(train, "pair") == [1, -1, -1, -1, -1]  # each sentence is in one pair, of a score of 4 or more


def test_training_sentences_may_be_other_ones(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text(SCORED)
    (tmp_path / "wiki.txt").write_text("Rome is old.\nRome is old.\nA cat sleeps.\n")
    config = StsConfig(path=tmp_path / "pairs.tsv", train=tmp_path / "wiki.txt")
    dataset = Sts(config, tmp_path)
    splits = dataset.load()
    assert splits["train"].samples == ["Rome is old.", "A cat sleeps."]
    assert dataset.notes == ("1 left out, as the sentence was there before",)
    assert len(splits["stsb-train"]) == 6
    before = config.fingerprint()
    (tmp_path / "wiki.txt").write_text("Rome is old.\n")
    assert config.fingerprint() != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("task\tsplit\n", "pairs.tsv:1: its first line must name the columns task, split, subset, score"),
        (HEADER + "STS12\ttest\tx\t5.0\tonly one\n", "pairs.tsv:2: this line has 5 columns and not 6"),
        (HEADER + "STS12\ttest\tx\thigh\ta\tb\n", "pairs.tsv:2: the score 'high' is no number"),
        (HEADER + "STS12\ttest\tx\tnan\ta\tb\n", "pairs.tsv:2: the score 'nan' is no number"),
        (HEADER + "STS12\ttest\tx\t5.0\ta\tb\n", "no training pairs of STSB"),
    ],
)
def test_files_without_scored_pairs_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "pairs.tsv").write_text(content)
    with pytest.raises(UsageError) as caught:
        Sts(StsConfig(path=tmp_path / "pairs.tsv"), tmp_path).load()
    assert said in str(caught.value)
