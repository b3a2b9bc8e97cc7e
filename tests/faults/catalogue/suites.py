"""Mistakes in a suite."""

from __future__ import annotations

from tests.conftest import SUITE
from tests.faults.making import (
    RUN,
    content,
    echoes,
    laughs,
    suite,
)
from tests.faults.meeting import Fault

SUITES = (
    Fault("an unknown key", "a suite has no 'matrx'. Did you mean 'matrix'?", suite("matrix:", "matrx:")),
    Fault("an unknown axis", "Did you mean 'method'?", suite("method:", "metod:")),
    Fault("an unknown method", "there is no method 'clasify'. Did you mean", suite("classify", "clasify")),
    Fault("an unknown option", "Did you mean 'classes'?", suite("[blobs]", "[{use: blobs, clases: 3}]")),
    Fault("an unknown optimizer", "there is no optimizer 'sdg'. Did you mean", suite("lr: 0.1", "optimizer: sdg")),
    Fault("an option of another type", "must be int, not 'many'", suite("[blobs]", "[{use: blobs, classes: many}]")),
    Fault("a value that a component refuses", "must be positive", suite("idle]", "{use: classify, temperature: -1}]")),
    Fault("a value that is no number", "must be float, not nan", suite("lr: 0.1", "lr: .nan")),
    Fault("no length of training", "needs 'steps' or 'epochs'", suite("steps: 30, ", "")),
    Fault("a seed twice", "seed must list at least one seed, and none twice", suite("[0, 1]", "[1, 1]")),
    Fault("a component twice", "method 'idle' is listed twice", suite("idle]", "idle, idle]")),
    Fault(
        "a start that is no method of the suite",
        "start: no method 'clasify' in this suite. Did you mean 'classify'?",
        suite("idle]", "{use: idle, start: clasify}]"),
    ),
    Fault(
        "a start that several methods may be",
        "name one by its label",
        suite("classify, idle]", "{use: classify, temperature: [1, 2]}, {use: idle, start: classify}]"),
    ),
    Fault(
        "starts that go in a circle",
        "which starts from 'one': a circle",
        suite("classify, idle]", "{use: classify, label: one, start: two}, {use: idle, label: two, start: one}]"),
    ),
    Fault(
        "a start on data of another shape",
        "cannot start from classify on digits: the weights do not fit",
        suite("idle]", "{use: idle, start: {method: classify, dataset: digits}}]"),
        RUN,
    ),
    Fault(
        "a judge that is no method of the suite",
        "judge: no method 'clasify' in this suite. Did you mean 'classify'?",
        suite("nearest: {}", "nearest: {judge: clasify}"),
    ),
    Fault(
        "a judge for an evaluator with data of its own",
        "an evaluator with data of its own has no judge",
        suite("nearest: {}", "nearest: {judge: classify, data: digits}"),
    ),
    Fault("a curve of no points", "points must be at least 1, not 0", suite("nearest: {}", "nearest: {curve: 0}")),
    Fault("a curve that is no number", "a number of points, or", suite("nearest: {}", "nearest: {curve: yes}")),
    Fault(
        "a curve on nothing",
        "share must be above 0 and at most 1",
        suite("nearest: {}", "nearest: {curve: {points: 3, share: 0}}"),
    ),
    Fault("an unknown key of a curve", "Did you mean 'share'?", suite("nearest: {}", "nearest: {curve: {shar: 1}}")),
    Fault(
        "a curve of more points than steps",
        "curve has 31 points, but the training has only 30 steps",
        suite("nearest: {}", "nearest: {curve: 31}"),
        RUN,
    ),
    Fault("all cells excluded", "is excluded", suite("evaluators:", "exclude: [{seed: [0, 1]}]\nevaluators:")),
    Fault("a number that begins with 0", "YAML reads 010 as 8", suite("[0, 1]", "[010]")),
    Fault("a number with a colon", "YAML reads 1:30 as 90", suite("steps: 30", "steps: 1:30")),
    Fault("a missing bracket", "not valid YAML", suite("name: toy", "name: [toy")),
    Fault("a key twice", "found duplicate key name", suite("name: toy", "name: a\nname: b")),
    Fault("a tab for indentation", "cannot start any token", suite("  method", "\tmethod")),
    Fault("another encoding", "not UTF-8", content("name: café".encode("latin-1"))),
    Fault("UTF-16, as some editors write it", "not UTF-8", content(SUITE.encode("utf-16"))),
    Fault("an empty file", "the matrix needs at least one method", content(b"")),
    Fault("a list instead of a mapping", "a suite is a mapping", content(b"- 1\n")),
    Fault("binary garbage", "not UTF-8", content(bytes(range(256)))),
    Fault("a folder instead of a file", "Is a directory", lambda folder: (folder / "suite.yaml").mkdir()),
    Fault("a suite that is not there", "No such file", lambda _: None),
    Fault("a file without end", "is too large for a suite", lambda _: None, ("plan", "/dev/zero")),
    Fault("an alias that contains itself", "contains itself", suite("name: toy", "name: &n [*n]")),
    Fault("aliases of aliases of aliases (a bomb)", "more than 1,000,000 values", content(laughs().encode())),
    Fault("interpolations of interpolations (a bomb)", "more than 200,000 values", content(echoes().encode())),
    Fault("100,000 brackets", "nested more than 32 levels deep", content(b"name: " + b"[" * 100_000)),
    Fault(
        "a matrix of 4,000,000 cells",
        "combinations of options of classify are too many",
        suite("idle]", f"{{use: classify, temperature: {list(range(1, 2001))}, seconds: {list(range(2000))}}}]"),
    ),
    Fault("a number of 5,000 digits", "a number of 5,000 digits", suite("[0, 1]", f"[{'9' * 5000}]")),
    Fault("a control character in a label", "U+001B is not allowed", suite("name: toy", 'name: "\\e[31mtoy"')),
    Fault("a NUL byte", "suite.yaml:2: not valid YAML: the character U+0000", content(b"name: a\n\0")),
    Fault("two documents in one file", "expected a single document", content(SUITE.encode() + b"---\na: 1\n")),
    Fault("half of a character", "U+D800 is not allowed", suite("name: toy", 'name: "\\ud800"')),
    Fault("an interpolation of nothing", "'nowhere' not found", suite("name: toy", "name: ${nowhere}")),
    Fault("a look into the environment", "resolvers, such as oc.env", suite("name: toy", "name: ${oc.env:HOME}")),
    Fault("an import by a resolver", "resolvers, such as oc.env", suite("name: toy", "name: '${oc.coerce:os.x,1}'")),
    Fault("an import path for a component", "there is no method 'os.system'", suite("classify", "os.system")),
    Fault(
        "a YAML tag that calls Python",
        "could not determine a constructor for the tag",
        suite("name: toy", "name: !!python/object/apply:os.system [touch exploited]"),
    ),
    Fault(
        "a value that does not fit its YAML tag", "does not fit its tag", suite("name: toy", "name: !!timestamp toy")
    ),
    Fault(
        "an impossible combination",
        "the budget's batch_size is 4096, but",
        suite("batch_size: 32", "batch_size: 4096"),
        RUN,
    ),
    Fault("a split that there is not", "no split 'novel'", suite("nearest: {}", "nearest: {split: novel}"), RUN),
)
