"""The how-to pages: their files and commands run as they say, with fewer steps, episodes and seeds."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import UsageError
from harness.testing import load_plugin
from tests import pages
from tests.conftest import Harness


def lines(page: str) -> Iterator[tuple[list[str], int]]:
    """The commands of a page, and the exit code of each."""
    for line in "".join(pages.blocks(page, "bash")).splitlines():
        command, _, comment = line.partition(" #")
        program, *arguments = shlex.split(command)
        assert program == "harness"
        yield arguments, int(comment.split("exit code ")[1]) if "exit code" in comment else 0


def short(text: str) -> str:
    """A suite with less to do."""
    text = re.sub(r"\bsteps: \d+", "steps: 2", text)
    text = re.sub(r"\bepisodes: \d+", "episodes: 5", text)
    return re.sub(r"seed: \[0, 1, 2.*\]", "seed: [0]", text)


def play(page: str, harness: Harness, folder: Path) -> list[str]:
    """Write the files of a page, run its commands; what each printed."""
    files = pages.files(page).items()
    pages.place({name: short(text) if name.endswith(".yaml") else text for name, text in files}, folder)
    done = [harness(*arguments, code=code) for arguments, code in lines(page)]
    return [each.stdout + each.stderr for each in done]


def smoke(name: str, harness: Harness, folder: Path) -> tuple[str, str]:
    """What the smallest run of a suite of benchmarks/ says, and its report."""
    suite = Path(__file__).parent.parent / "benchmarks" / f"{name}.yaml"
    said = harness("run", suite, "--budget", "smoke").stdout
    page = folder / "results" / f"{name}-smoke" / "report.html"
    harness("report", page.parent)
    return said, page.read_text(encoding="utf-8")


def test_transfer(harness: Harness, tmp_path: Path) -> None:
    run, pivot = play("transfer.md", harness, tmp_path)
    assert "3 of 3 cells done" in run
    assert re.search(r"^\| method +\| +glyphs · conv4.* \| +glyphs · conv4.* → digits \|", pivot, re.MULTILINE)


def test_ablation(harness: Harness, tmp_path: Path) -> None:
    planned, run, by_backbone = play("ablation.md", harness, tmp_path)
    assert "5 cells: 5 todo" in planned
    for row in ("simclr (temperature=0.1)", "no rotation", "higher rate"):
        assert row in run
    assert "| conv4" in by_backbone


def test_few_shot(harness: Harness, tmp_path: Path) -> None:
    [run] = play("few-shot.md", harness, tmp_path)
    assert "4 of 4 cells done" in run
    assert re.search(r"method +1-shot +5-shot +baseline\+\+", run)


def test_meta_reinforcement_learning(harness: Harness, tmp_path: Path) -> None:
    [run] = play("meta-rl.md", harness, tmp_path)
    assert "3 of 3 cells done" in run
    assert "return episode 5" in run


def test_the_suite_of_meta_reinforcement_learning_methods(harness: Harness, tmp_path: Path) -> None:
    said, report = smoke("meta-rl-methods", harness, tmp_path)
    assert "4 of 4 cells done" in said
    assert "return episode 5 while training, by environment steps" in report


def test_continual(harness: Harness, tmp_path: Path) -> None:
    run, table = play("continual.md", harness, tmp_path)
    assert "3 of 3 cells done" in run
    for learner in ("ncm", "softmax"):
        assert f"{learner} accuracy" in table or re.search(rf"\| +{learner}\b", table)


def test_the_suite_of_continual_learning(harness: Harness, tmp_path: Path) -> None:
    said, report = smoke("continual", harness, tmp_path)
    assert "2 of 2 cells done" in said
    assert "classes seen" in report


def test_resuming_and_the_format_of_results(harness: Harness, tmp_path: Path) -> None:
    first, planned, rest, retried, fresh, listed, removed = play("resuming.md", harness, tmp_path)
    assert "2 of 2 cells done" in first
    assert "4 cells: 2 done, 2 todo" in planned
    assert "4 cells, 2 already done" in rest
    assert "4 cells, 4 already done" in retried
    assert fresh.count("done  untrained · conv4") == 2  # trained again
    assert "0 of 4 cells. Nothing is removed yet" in listed
    assert "0 of 4 cells removed" in removed
    play("results-format.md", harness, tmp_path)
    assert (tmp_path / "scores.csv").read_text().count("\n") == 5
    titles = re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", pages.read("results-format.md"), re.MULTILINE | re.DOTALL)
    for file, text in titles:
        names = re.findall(
            r"`(\w+)`", " ".join(row.split("|")[1] for row in re.findall(r"^\| `.*", text, re.MULTILINE))
        )
        for found in tmp_path.glob(f"results/resume/cells/*/{re.sub('ID|N', '*', file)}"):
            if file.endswith(".json"):
                assert {*names, "format", "check"} == set(json.loads(found.read_text())), found
    assert len(titles) == 5


def test_debugging(harness: Harness, tmp_path: Path) -> None:
    run, planned, again = play("debugging.md", harness, tmp_path)
    [shown] = pages.blocks("debugging.md", "text")
    for number, output in enumerate((run, again), 1):
        for line in shown.replace("001.log", f"00{number}.log").splitlines():
            assert line.strip() in re.sub(r"/[0-9a-f]{16}/", "/ID/", output)
    assert "1 failed, 1 done" in planned


def test_exit_codes(harness: Harness, tmp_path: Path) -> None:
    [said] = play("exit-codes.md", harness, tmp_path)
    assert [said] == pages.blocks("exit-codes.md", "text")


def test_the_cookbook(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "judged.csv").write_text("0,1,2\n3,4,5\n6,7,8\n")
    [run] = play("cookbook.md", harness, tmp_path)
    assert "4 of 4 cells done" in run
    assert "judged" in run


def test_the_cookbook_tests_a_plugin_of_one_file(tmp_path: Path) -> None:
    pages.place({name: text for name, text in pages.files("cookbook.md").items() if "pairs" in name}, tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "test_pairs.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_plugin_file_that_cannot_be_loaded_is_the_users_mistake() -> None:
    with pytest.raises(UsageError, match=r"^load_plugin gone/mine\.py: there is no such file\.$"):
        load_plugin("gone/mine.py")
