"""A suite of texts and pictures, from the command to its records: methods of both kinds, evaluators of pairs."""

from __future__ import annotations

import math
from pathlib import Path

from harness.store.results_folder import Store
from tests.conftest import Harness

TEXT_METHODS = ("untrained", "simcse", "simcse_supervised", "simclr", "moco", "simsiam", "protonet", "maml")
SUITE = """\
name: both
matrix:
  method:
    - untrained
    - {use: simcse, view: crop, rate: 0.5}
    - {use: simcse_supervised, budget: {steps: 60}}
    - {use: simclr, projection_dim: 16}
    - {use: moco, queue_size: 40, projection_dim: 16}
    - {use: simsiam, projection_dim: 16, hidden_dim: 8}
    - {use: protonet, ways: 5, shots: 2, queries: 2}
    - {use: maml, tasks: 2, queries: 2}
  backbone: [{use: words, width: 32, vocabulary: 500}]
  dataset: [{use: grammar, triples: 400, augmentation: {view: crop}}]
  seed: [0]
include:
  - {method: supervised, backbone: {use: conv4, width: 8}, dataset: digits}
budget: {steps: 4, batch_size: 32}
evaluators:
  knn: {k: 5}
  sts: {only: [untrained, simcse, simcse_supervised, simclr, moco, simsiam, protonet, maml]}
  pair_retrieval: {only: [untrained, simcse, simcse_supervised, simclr, moco, simsiam, protonet, maml]}
"""


def test_texts_and_pictures_are_in_one_suite(harness: Harness, tmp_path: Path) -> None:
    """Learning from pairs shows after some steps: an untrained mean of words, for which likeness is that of the words,
    puts the pairs in no such order."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    harness("run", "suite.yaml", "--device", "cpu", "--workers", "2", "--results", "results")
    found = {}
    for record in Store(tmp_path / "results").records():
        assert record.training
        scores = {
            name: metric["value"] for each in record.evaluations.values() for name, metric in each["metrics"].items()
        }
        found[record.cell["method"]["name"]] = scores
        assert all(map(math.isfinite, scores.values()))
    assert set(found) == {*TEXT_METHODS, "supervised"}
    assert set(found["supervised"]) == {"accuracy"}
    splits = {"test", "validation", "novel", "spearman"}
    assert all(set(found[name]) == {"accuracy", "top-1", "MRR", *splits} for name in TEXT_METHODS)
    assert found["simcse_supervised"]["spearman"] > found["untrained"]["spearman"] + 0.1
