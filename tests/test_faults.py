"""Cells and runs that end badly, for real: signals, limits, several runs at once, files that are cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.base.outcome import CRASHED
from harness.base.processes import alive
from harness.store import lease
from tests.conftest import SUITE, Harness
from tests.test_run import wait_for

Write = Callable[[str], Path]
ONE = SUITE.replace("classify, idle", "idle").replace("[0, 1]", "[0]")
SLOW = SUITE.replace("classify, idle", "{use: classify, seconds: 0.5}").replace("[0, 1]", "[0]")


@contextmanager
def running(suite: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`harness run` in the background of this test."""
    command = [sys.executable, "-m", "harness", "run", str(suite), *arguments]
    with subprocess.Popen(
        command,
        cwd=suite.parent,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (one thread)
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def statuses(harness: Harness, suite: Path) -> list[str]:
    return [cell["status"] for cell in json.loads(harness("plan", suite, "--json").stdout)["cells"]]


def attempts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("attempts/*.json"))]


def processes(folder: Path) -> list[int]:
    """All processes whose command line or open log is of this folder; where there is no /proc, none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(entry / "fd/1"):  # noqa: PTH115 (of another process)
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if alive(pid)]


def owner(folder: Path) -> dict[str, Any]:
    wait_for(lambda: list(folder.rglob("leases/*.json")) and list(folder.rglob("steps.jsonl")))
    [path] = folder.rglob("leases/*.json")
    return json.loads(path.read_text())


def test_limits_of_time_and_memory(harness: Harness, suite: Write, tmp_path: Path) -> None:
    methods = "{use: misbehave, how: [hang, grow, allocate]}, idle"
    path = suite(SUITE.replace("classify, idle", methods).replace("[0, 1]", "[0]"))
    done = harness("run", path, "--timeout", "8", "--memory", "1.5", "--workers", "2", code=1)
    assert sorted(each["status"] for each in attempts(tmp_path)) == ["ok", "oom", "oom", "timeout"]
    assert "took longer than 8 s" in done.stdout
    assert "more than --memory 1.5" in done.stdout
    assert "can't allocate memory" in done.stdout
    by_status = {each["status"]: each for each in attempts(tmp_path)}
    assert by_status["timeout"]["signal"] == "SIGKILL"  # it would not end by SIGTERM
    assert (tmp_path / "results/toy" / by_status["oom"]["log"]).exists()
    assert not processes(tmp_path)  # nor is there what the cell had started
    assert not list(tmp_path.rglob("leases/*.json"))
    board = (tmp_path / "results/toy/leaderboard.md").read_text()
    assert "timeout. took longer than 8 s" in board
    again = harness("run", path, "--retry", "none", code=1)
    assert "1 of 4 cells done" in again.stdout
    assert len(attempts(tmp_path)) == 4
    assert "no status 'fialed'. Did you mean 'failed'?" in harness("run", path, "--retry", "fialed", code=2).stderr


def test_what_a_job_does_not_say_of_itself_is_seen(harness: Harness, suite: Write, tmp_path: Path) -> None:
    """Weights that the last update spoiled, an exit code that stands for another run's cell, notes of an exception;
    compiled code that crashes."""
    methods = "{use: misbehave, how: [spoil, leave, explain, abort, crash]}"
    text = SUITE.replace("classify, idle", methods).replace("[0, 1]", "[0]").replace("steps: 30", "steps: 3")
    assert "0 of 5 cells done" in harness("run", suite(text), code=1).stdout
    said = {attempt["message"]: attempt["status"] for attempt in attempts(tmp_path)}
    assert said == {
        "FloatingPointError: weights are not finite after step 3 of 3": "failed",
        "exit code 75": "failed",
        "ValueError: what is wrong": "failed",
        f"ended by SIGABRT while training ({CRASHED}): double free or corruption (!prev)": "killed",
        f"ended by SIGSEGV while evaluating ({CRASHED})": "killed",
    }
    logs = [log.read_text() for log in tmp_path.rglob("attempts/*.log")]
    for line in ("in abort", "in encode"):
        assert any("Fatal Python error: " in log and line in log for log in logs)


def test_a_training_that_is_stopped_goes_on_where_it_was(harness: Harness, suite: Write, tmp_path: Path) -> None:
    path = suite(SLOW)
    harness("run", path, "--timeout", "4", code=1)
    [attempt] = attempts(tmp_path)
    assert attempt["status"] == "timeout"
    assert "saved after step" in attempt["message"]
    assert list(tmp_path.rglob("checkpoint.pt"))
    assert "already done" in harness("run", suite(SLOW.replace("0.5", "0"))).stdout
    steps = [json.loads(line)["step"] for line in next(tmp_path.rglob("steps.jsonl")).read_text().splitlines()]
    assert steps == list(range(1, 31))


def test_a_second_interrupt_ends_cells_at_once(suite: Write, tmp_path: Path) -> None:
    path = suite(SUITE.replace("classify, idle", "{use: misbehave}").replace("[0, 1]", "[0]"))
    with running(path) as process:
        wait_for(lambda: list(tmp_path.rglob("leases/*.json")))
        [held] = tmp_path.rglob("leases/*.json")
        wait_for(lambda: len(processes(tmp_path)) > 1)  # it hangs by now, and has started another
        pid = json.loads(held.read_text())["pid"]
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert any("interrupt again" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "run the same command again" in output
    wait_for(lambda: not alive(pid) and not processes(tmp_path))
    assert not list(tmp_path.rglob("leases/*.json"))


def test_a_run_that_dies_leaves_no_process_and_the_next_one_goes_on(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    with running(suite(SLOW)) as process:
        pid = owner(tmp_path)["pid"]
        process.kill()
    wait_for(lambda: not alive(pid) and not processes(tmp_path))
    [attempt] = attempts(tmp_path)
    assert (attempt["status"], attempt["message"][:12]) == ("interrupted", "its run died")
    assert "1 of 1 cell done" in harness("run", suite(SLOW.replace("0.5", "0"))).stdout


def test_a_cell_that_is_killed_says_so(harness: Harness, suite: Write, tmp_path: Path) -> None:
    with running(suite(SLOW)) as process:
        os.kill(owner(tmp_path)["pid"], signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ended by SIGKILL" in output
    wait_for(lambda: not processes(tmp_path))
    assert statuses(harness, tmp_path / "benchmarks.yaml") == ["killed"]


def test_cells_outlive_the_fork_server(suite: Write, tmp_path: Path) -> None:
    text = SLOW.replace("[0]", "[0, 1, 2]").replace("0.5", "0.2")
    with running(suite(text), "--workers", "2") as process:
        wait_for(lambda: len(list(tmp_path.rglob("steps.jsonl"))) == 2)
        pid = json.loads(next(tmp_path.rglob("leases/*.json")).read_text())["pid"]
        server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGKILL)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert [each["status"] for each in attempts(tmp_path)] == ["ok"] * 3


def elsewhere(output: str) -> int:
    return output.count("in another run)")


def test_two_runs_share_the_work(suite: Write, tmp_path: Path) -> None:
    path = suite(SLOW.replace("[0]", "[0, 1, 2, 3, 4, 5]").replace("0.5", "0.05"))
    with running(path, "--workers", "1") as one, running(path, "--workers", "1") as other:
        said = [process.communicate(timeout=120)[0] for process in (one, other)]
    for output, process in zip(said, (one, other), strict=True):
        assert process.returncode == 0, output
        assert "6 of 6 cells done" in output
        assert "classify" in output  # the table
    assert [each["status"] for each in attempts(tmp_path)] == ["ok"] * 6
    assert sum(output.count("  done  ") for output in said) - sum(map(elsewhere, said)) == 6  # each by one of both
    for log in tmp_path.rglob("steps.jsonl"):
        assert len(log.read_text().splitlines()) == 30
    assert not list(tmp_path.rglob("leases/*.json"))
    assert not list((tmp_path / "results/toy/prepared").iterdir())


def test_what_another_process_has_is_not_forgotten_and_is_waited_for(
    harness: Harness, suite: Write, tmp_path: Path
) -> None:
    path = suite(ONE)
    harness("run", path)
    [training] = tmp_path.rglob("training.json")
    written = training.stat().st_mtime_ns
    mine = lease.claim(tmp_path / f"results/toy/leases/{training.parent.name}.json")
    assert mine is not None
    with running(path, "--fresh") as process:
        assert process.stdout
        assert any("is not removed, because another run is running it" in line for line in process.stdout)
        assert statuses(harness, path) == ["done"]
        assert process.poll() is None
        mine.release()
        output, _ = process.communicate(timeout=60)
    assert "in another run)" in output
    assert process.returncode == 0
    assert training.stat().st_mtime_ns == written


def test_a_lease_of_a_dead_owner_is_taken_over(harness: Harness, suite: Write, tmp_path: Path) -> None:
    path = suite(ONE.replace("[0]", "[0, 1, 2]"))
    ids = [cell["id"] for cell in json.loads(harness("plan", path, "--json").stdout)["cells"]]
    for id_, dead in zip(ids, ({"machine": "elsewhere"}, {"pid": 2**22 + 1}, {"began": "long ago"}), strict=True):
        (tmp_path / f"results/toy/cells/{id_}/attempts").mkdir(parents=True)
        mine = lease.claim(tmp_path / f"results/toy/leases/{id_}.json", attempt="001")
        assert mine is not None
        mine.path.write_text(json.dumps({**json.loads(mine.content), **dead}))
    assert statuses(harness, path) == ["running", "todo", "todo"]  # one on another machine is believed to live
    assert "3 of 3 cells done" in harness("run", path, env={"HARNESS_STALE_SECONDS": "1"}).stdout
    assert not list(tmp_path.rglob("leases/*.json"))
    assert sorted(each["status"] for each in attempts(tmp_path)) == ["interrupted"] * 3 + ["ok"] * 3


def test_of_many_who_bury_a_lease_one_does(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.store import lease\n"
        "sys.stdin.readline()\n"
        "path = Path(sys.argv[1])\n"
        "buried = lease.bury(path, b'dead'); mine = lease.claim(path)\n"
        "print(int(buried), int(mine is not None), flush=True); sys.stdin.readline()\n"
    )
    (tmp_path / "x.json").write_bytes(b"dead")
    command = [sys.executable, "-c", code, str(tmp_path / "x.json")]
    many = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(6)]
    for each in many:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.stdout.readline().split() for each in many if each.stdout]
    for each in many:
        each.communicate("\n", timeout=30)
    assert sorted(buried for buried, _ in said) == ["0"] * 5 + ["1"]
    assert sorted(claimed for _, claimed in said) == ["0"] * 5 + ["1"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(b'"value": 0.') + 11 if b'"value": 0.' in content else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)


def test_damaged_files_are_set_aside_and_made_again(harness: Harness, suite: Write, tmp_path: Path) -> None:
    text = SUITE.replace("classify, idle", "classify").replace("[0, 1]", "[0, 1, 2, 3]")
    harness("run", suite(text))
    results = tmp_path / "results/toy"
    one, two, three, four = sorted((results / "cells").iterdir())
    [score] = two.glob("evaluations/*.json")
    [units] = one.glob("evaluations/*.npz")
    kept = {file: file.read_bytes() for file in results.rglob("*.safetensors")}
    metrics = {file: json.loads(file.read_text())["metrics"] for file in results.rglob("evaluations/*.json")}
    cuts = [one / "cell.json", one / "attempts/001.json", units, three / "model.safetensors"]
    flips = [one / "training.json", score]
    late = [four / "model.safetensors"]  # of its size, so it is noticed when it is used
    for harm, files in ((cut, cuts), (flip, flips + late)):
        for file in files:
            harm(file)
    dead, living = (f".training.json.{lease.machine()}-{pid}.tmp" for pid in (2**22 + 1, os.getpid()))
    for folder in (one, one / "evaluations", results / "plans"):
        (folder / dead).write_text("{")
        (folder / living).write_text("{")
    content = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    seen = harness("leaderboard")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == content  # a reader
    assert "is damaged (its content does not fit its checksum)" in seen.stderr
    done = harness("run", suite(text + "  on train: {use: nearest, split: train}\n"))
    assert "4 of 4 cells done" in done.stdout
    for file in cuts + flips:
        assert f"{file.name}: is damaged" in done.stdout
    for file in cuts + flips + late:
        assert file.with_name(f"{file.name}.damaged-1").read_bytes() == content[file]
    assert {file: file.read_bytes() for file in kept} == kept
    assert {file: json.loads(file.read_text())["metrics"] for file in metrics} == metrics
    assert not list(tmp_path.rglob(dead))
    assert len(list(tmp_path.rglob(living))) == 3


def test_other_versions_are_refused(harness: Harness, suite: Write, tmp_path: Path) -> None:
    harness("run", suite(ONE))
    [file] = tmp_path.rglob("training.json")
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "format": 2}))
    assert "Upgrade harness" in harness("run", tmp_path / "benchmarks.yaml", code=2).stderr
    file.write_text(json.dumps({**whole, "format": 0}))
    assert "Run into another folder with --results" in harness("leaderboard", code=2).stderr
    assert json.loads(file.read_text())["format"] == 0
