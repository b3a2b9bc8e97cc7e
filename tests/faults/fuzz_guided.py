"""Fuzzing led by coverage: the suite parser and the record reader meet bytes that atheris makes, and may refuse them.

    uv run --with atheris python tests/faults/fuzz_guided.py --seconds 150    # then: python tests/faults/render.py

Anything raised but UsageError, and anything that takes longer than a few seconds, ends it with exit code 1 and leaves
the input that did it in the folder named. By hand, as atheris is no dependency of the project and not for each system.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULT = Path(__file__).with_name("fuzz_guided.json")
SUITES = (*ROOT.glob("benchmarks/**/*.yaml"), ROOT / "benchmarks.yaml")
CELL = next((ROOT / "results" / "reference" / "quickstart" / "cells").iterdir())
FILES = ("cell.json", "training.json", "evaluations/0.json", "attempts/001.json")  # by the first byte of an input
SLOW = 10  # seconds for one input; the usual one takes a millisecond
WORDS = (
    *("name", "matrix", "method", "backbone", "dataset", "seed", "budget", "evaluators", "include", "exclude", "use"),
    *("executor", "methods", "datasets", "label", "steps", "epochs", "lr", "precision", "simclr", "conv4", "omniglot"),
    *("npz", "path", "${name}", "${matrix.seed}", "${a[0]}", "${oc.env:HOME}", "&a ", "*a", "<<: *a", "!!int ", "- "),
    *("!!set ", "!!omap ", "!!pairs ", "!!binary ", "!!timestamp ", "!!merge ", "!!python/name:os.system", "\n---\n"),
    *('"format": 1', '"check": "', '"metrics": {', '"status": "failed"', "null", "NaN", "1e999", "\\ud800", "[[[["),
)


def suites(folder: Path) -> Callable[[bytes], None]:
    """The parser: bytes to a plan."""
    from harness.plugins.registry import registry
    from harness.suite.plan import Plan
    from harness.suite.suite import load_suite

    path, known = folder / "suite.yaml", registry()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        Plan.of(load_suite(path, known))

    return read


def records(folder: Path) -> Callable[[bytes], None]:
    """The reader: a cell's folder with one of its files replaced, read for the leaderboard and for a run."""
    from harness.store.damage import damaged
    from harness.store.results_folder import CellFolder, read_record

    whole = {name: example(name) for name in FILES}
    for name, content in whole.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    cell = CellFolder(folder)

    def read(data: bytes) -> None:
        name = FILES[data[0] % len(FILES)] if data else FILES[0]
        (folder / name).write_bytes(data[1:])
        try:
            read_record(str(folder), report=lambda _: None)
            cell.status(["0", "1"])
            list(damaged(cell))
        finally:
            (folder / name).write_bytes(whole[name])

    return read


def example(name: str) -> bytes:
    """A file of a cell as harness writes it."""
    if name.startswith("attempts"):
        return b'{"format": 1, "status": "failed", "message": "m", "log": "001.log", "signal": null, "exit_code": 1}'
    return next(CELL.glob(name.replace("/0", "/*"))).read_bytes()


TARGETS = {"suites": suites, "records": records}


def seeds(target: str) -> Iterator[bytes]:
    if target == "suites":
        yield from (path.read_bytes() for path in SUITES)
        return
    for number, name in enumerate(FILES):
        yield bytes([number]) + example(name)
        unsealed = {key: value for key, value in json.loads(example(name)).items() if key != "check"}
        yield bytes([number]) + json.dumps(unsealed).encode()  # or no change would get past the checksum


def fuzz(target: str, arguments: list[str]) -> None:
    """In a process of its own, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["harness", "yaml"]):
        from harness.base.errors import UsageError

        read = TARGETS[target](Path(tempfile.mkdtemp(dir=arguments[0])))

    def one(data: bytes) -> None:
        with contextlib.suppress(UsageError):
            read(data)

    atheris.Setup([sys.argv[0], *arguments[1:]], one)
    atheris.Fuzz()


def start(target: str, seconds: int, folder: Path) -> dict[str, Any]:
    """Fuzz one target; what libFuzzer says of it."""
    corpus, words = folder / "corpus", folder / "words"
    (folder / "work").mkdir(parents=True)
    corpus.mkdir()
    for number, seed in enumerate(seeds(target)):
        (corpus / str(number)).write_bytes(seed)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in WORDS)
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    flags = [f"-dict={words}", f"-artifact_prefix={folder}/", f"-max_total_time={seconds}", f"-timeout={SLOW}"]
    limits = ["-max_len=8192", "-len_control=0", "-rss_limit_mb=4096", "-print_final_stats=1"]
    command = [sys.executable, __file__, "--target", target, str(folder / "work"), *flags, *limits, str(corpus)]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if ended.returncode:
        sys.exit(f"{ended.stderr[-4000:]}\nThe input is in {folder}.")
    edges = re.findall(r"cov: (\d+)", ended.stderr)[-1]
    number = re.findall(r"number_of_executed_units: (\d+)", ended.stderr)[-1]
    return {"executions": int(number), "edges": int(edges), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=150, help="for each of the two")
    seconds = parser.parse_args().seconds
    folder = Path(tempfile.mkdtemp(prefix="harness-fuzz-"))
    found = {target: start(target, seconds, folder / target) for target in TARGETS}
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        main()
