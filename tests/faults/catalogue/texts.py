"""Files of texts that are not what they should be, and views that cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.making import RUN
from tests.faults.meeting import Fault

HEADER = "task\tsplit\tsubset\tscore\tsentence1\tsentence2\n"


def texts(
    dataset: str, backbone: str = "words", method: str = "simclr", evaluator: str = "knn", **files: str | bytes
) -> Callable[[Path], None]:
    """A suite beside the files; in a name, "_" is the dot."""

    def make(folder: Path) -> None:
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())
        (folder / "suite.yaml").write_text(
            f"name: texts\nmatrix:\n  method: [{{use: {method}}}]\n  backbone: [{{use: {backbone}}}]\n"
            f"  dataset: [{{use: {dataset}}}]\nbudget: {{steps: 2, batch_size: 4}}\nevaluators:\n  {evaluator}: {{}}\n"
        )

    return make


def csv(content: str) -> Callable[[Path], None]:
    return texts("sentences, path: a.csv", a_csv=content)


def sts(content: str) -> Callable[[Path], None]:
    return texts("sts, path: a.tsv", a_tsv=content)


TEXTS = (
    Fault("a file of sentences that is not there", "there is no file", texts("sentences, path: no.txt")),
    Fault(
        "sentences that are not UTF-8",
        "a.txt:2: this line is not UTF-8",
        texts("sentences, path: a.txt", a_txt=b"fine\n\xe4hnlich\n"),
        RUN,
    ),
    Fault(
        "sentences in a .docx", "is no .txt, .csv or .parquet file", texts("sentences, path: a.docx", a_docx="PK"), RUN
    ),
    Fault("four columns of sentences", "has 4 columns of sentences", csv("a,b,c,d\n1,2,3,4\n"), RUN),
    Fault("classes of pairs", "are for single sentences", csv("a,b,label\n1,2,x\n"), RUN),
    Fault("sentences of a split 'tset'", "Did you mean 'test'?", csv("text,split\na,train\nb,tset\n"), RUN),
    Fault(
        "a test class of sentences that is new",
        "new classes belong in 'novel'",
        csv("t,label,split\na,x,train\nb,y,test\n"),
        RUN,
    ),
    Fault("scored pairs without their header", "a.tsv:1: its first line must name", sts("a\tb\n"), RUN),
    Fault(
        "a score that is no number",
        "a.tsv:2: the score 'high' is no number",
        sts(f"{HEADER}STSB\ttrain\tx\thigh\ta\tb\n"),
        RUN,
    ),
    Fault(
        "scored pairs with nothing to train on",
        "name other sentences by 'train'",
        sts(f"{HEADER}STS12\ttest\tx\t5\ta\tb\n"),
        RUN,
    ),
    Fault(
        "a view without all of its tokens",
        "rate is a share of the tokens",
        texts("grammar, augmentation: {view: crop, rate: 1.0}"),
    ),
    Fault("fewer triples than classes", "triples must be at least 24", texts("grammar, triples: 5")),
    Fault(
        "vectors of words of two widths",
        "a.txt:2: this line has 1 numbers, and not 2",
        texts("grammar, triples: 24", "static, vectors: a.txt", a_txt="cat 1 2\ndog 1\n"),
        RUN,
    ),
    Fault(
        "pairs for a method, of which a data set has none",
        "the split 'train' has no pairs: this takes a column 'pair'",
        texts("sentences, path: a.txt", method="simcse_supervised", a_txt="one\ntwo\nthree\nfour\nfive\nsix\n"),
        RUN,
    ),
    Fault(
        "more pairs in a batch than there are",
        "batch_size is 4, but the split 'train' has only 2 pairs",
        texts("sentences, path: a.csv, held_out: 0", method="simcse_supervised", a_csv="a,b\n1,2\n3,4\n"),
        RUN,
    ),
    Fault(
        "scores of pairs that a data set does not have",
        "no split but 'train' has scored pairs",
        texts("sentences, path: a.txt", evaluator="sts", a_txt="one\ntwo\nthree\nfour\nfive\nsix\n"),
        RUN,
    ),
    Fault(
        "pairs for an evaluator, of which a data set has none",
        "the split 'test' does not have two pairs",
        texts("sentences, path: a.txt", evaluator="pair_retrieval", a_txt="one\ntwo\nthree\nfour\nfive\nsix\n"),
        RUN,
    ),
    Fault(
        "the augmentation of pictures for texts",
        "Augmentation cannot be used for text: leave 'augment' out",
        texts(
            "sentences, path: a.txt",
            method="simclr, augment: {flip: 0.5}",
            a_txt="one\ntwo\nthree\nfour\nfive\nsix\n",
        ),
        RUN,
    ),
)
