"""`harness compact`: all cells are read from copies of their small files, and nothing is lost or stale by it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.base.atomic_files import write_json
from harness.plugins.registry import registry
from harness.store import compaction, lease
from harness.store.cell_folder import CellFolder
from harness.store.records import CellRecord
from harness.store.results_folder import Store
from harness.suite.plan import Plan
from harness.suite.suite import load_suite
from tests.conftest import SUITE, Harness

REFERENCE = Path(__file__).parent.parent / "results" / "reference" / "quickstart"
SMALL = SUITE.replace("seed: [0, 1]", "seed: [0]")
COPIES = "leases/compacted/000001/cells.json"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three finished cells."""
    for cell in sorted((REFERENCE / "cells").iterdir())[:3]:
        shutil.copytree(cell, tmp_path / "results" / "cells" / cell.name)
    return tmp_path / "results"


def compact(results: Path) -> int:
    return sum(Store(results).compact())


def read(results: Path) -> list[CellRecord]:
    return Store(results).records(_refuse)


def _refuse(damage: Exception) -> None:
    raise damage


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_leaderboard_is_the_same_and_is_made_without_the_cells_own_files(harness: Harness, tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "cells", tmp_path / "results" / "cells")
    before, records = harness("leaderboard", "results").stdout, read(tmp_path / "results")
    assert harness("compact", "results").stdout == "18 cells copied; 18 of 18 are read from copies.\n"
    for file in [*tmp_path.glob("results/cells/*/*.json"), *tmp_path.glob("results/cells/*/*/*.json")]:
        file.unlink()
    assert harness("leaderboard", "results").stdout == before
    assert read(tmp_path / "results") == records
    shutil.rmtree(tmp_path / "results" / "cells" / records[0].id)
    assert read(tmp_path / "results") == records[1:]  # a copy alone is no cell


def test_what_is_left_of_a_suite_is_run_beside_copies(
    harness: Harness, suite: Callable[[str], Path], tmp_path: Path
) -> None:
    results, file = tmp_path / "results" / "toy", suite(SMALL)
    harness("run", file, "--device", "cpu", "--workers", "2")
    assert compact(results) == 2
    trained = {path: path.read_bytes() for path in results.glob("cells/*/training.json")}

    # a comment changes the place of each cell in the suite, and no file of theirs; a label does
    described = {path: path.read_bytes() for path in results.glob("cells/*/cell.json")}
    for text, changed in (("# a comment\n" + SMALL, 0), (SMALL.replace("idle", "{use: idle, label: still}"), 1)):
        Store(results).bring_up_to_date(Plan.of(load_suite(suite(text), registry())))
        assert sum(path.read_bytes() != before for path, before in described.items()) == changed
    assert any(record.cell["method"]["label"] == "still" for record in read(results))
    assert compact(results) == 1

    # an evaluator is new: only that is done, and seen
    suite(SMALL + "  again: {use: nearest, split: train}\n")
    plan = Plan.of(load_suite(file, registry()))
    assert set(Store(results).statuses(plan).values()) == {"todo"}
    harness("run", file, "--device", "cpu", "--workers", "2")
    assert {path: path.read_bytes() for path in trained} == trained
    labels = {each["label"] for record in read(results) for each in record.evaluations.values()}
    assert labels == {"nearest", "again"}
    own = [record for cell in sorted(results.glob("cells/*")) if (record := CellFolder(cell).record())]
    assert read(results) == own
    assert compact(results) == 2
    assert read(results) == own

    # of three files of copies one is damaged: an older copy must not take its place
    leaderboard = harness("leaderboard").stdout
    flip(results / "leases/compacted/000003/cells.json")
    told = harness("leaderboard")
    assert "000003/cells.json: is damaged" in told.stderr
    assert told.stdout == leaderboard
    done = harness("run", file, "--device", "cpu")
    assert "all copies are set aside as compacted.damaged-1, no cell is lost" in " ".join(done.stdout.split())
    assert len(read(results)) == 2
    assert {path.name for path in results.glob("leases/compacted*")} == {"compacted.damaged-1"}


def test_forgetting_a_cell_forgets_its_copy(results: Path) -> None:
    compact(results)
    first, *others = read(results)
    assert Store(results).forget(first.id)
    assert read(results) == others
    shutil.copytree(REFERENCE / "cells" / first.id, results / "cells" / first.id)
    (results / "cells" / first.id / "training.json").unlink()
    assert read(results)[0].training is None


def test_only_finished_cells_that_nobody_holds_are_copied(results: Path) -> None:
    store, ids = Store(results), sorted(Store(results).begun())
    held = lease.claim(store.lease(ids[0]))
    assert held
    (results / "cells" / ids[1] / "training.json").unlink()
    assert compact(results) == 1
    assert store.copies.valid().keys() == {ids[2]}
    held.release()
    assert compact(results) == 1
    flip(results / "cells" / ids[2] / "cell.json")
    store.copies.changing(ids[2])
    assert compact(results) == 0


def test_a_file_of_copies_goes_once_all_its_cells_have_later_ones(results: Path) -> None:
    store, records = Store(results), read(results)
    compact(results)
    first, *others = (record.id for record in records)
    for changed, files in ([first], ["000001", "000002"]), (others, ["000002", "000003"]):
        for id_ in changed:
            store.copies.changing(id_)
        assert compact(results) == len(changed)
        assert [path.parent.name for path in store.copies.files()] == files
        assert store.copies.valid().keys() == {first, *others}
        assert read(results) == records
    assert not list(store.copies.repair())


@pytest.mark.parametrize("said", [False, True])
def test_a_cell_that_changes_while_it_is_copied_is_read_itself(
    said: bool, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, id_ = Store(results), min(Store(results).begun())
    if said:
        compact(results)
        store.copies.changing(id_)

    def change(folder: CellFolder, finished: Callable[[CellFolder], CellRecord | None] = compaction.finished) -> object:
        record = finished(folder)
        if folder.folder.name == id_:
            with store.changing(id_):
                write_json(folder.attempt(9), {"status": "killed", "message": "it is said afterwards"})
        return record

    monkeypatch.setattr(compaction, "finished", change)
    compact(results)
    assert (read(results)[0].failure or {}).get("status") == "killed"


@pytest.mark.parametrize("again", [False, True])
def test_killed_at_any_operation_nothing_is_lost(again: bool, results: Path, tmp_path: Path) -> None:
    """With SIGKILL before each operation on files in turn, until there is none left; `again`: on changed cells, whose
    older copies are removed."""
    if again:
        compact(results)
        for id_ in Store(results).begun():
            Store(results).copies.changing(id_)
    changed = min(Store(results).begun())
    evaluation = next((results / "cells" / changed / "evaluations").glob("*.json"))
    with Store(results).changing(changed):
        evaluation.unlink()
    records, number, killed = read(results), 0, True
    while killed:
        number += 1
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(results, copy)
        killed = _killed_before(number, copy)
        assert read(copy) == records
        store = Store(copy)
        store.sweep()
        assert not list(store.copies.repair())
        compact(copy)
        assert read(copy) == records
        assert len(store.copies.valid()) == 3
        assert not again or not (copy / COPIES).exists()
        assert sorted(path.name for path in copy.glob("leases/*") if path.name[0] != ".") == ["compacted"]
        shutil.rmtree(copy)
    assert number > (25 if again else 50)


def _killed_before(number: int, results: Path) -> bool:
    """Compact in a child that is killed before the operation of that number; False if there are fewer."""
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event: str, arguments: tuple[object, ...]) -> None:
            about = event == "open" or event.startswith("os.")
            if about and any(isinstance(each, str | os.PathLike) and str(results) in str(each) for each in arguments):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            compact(results)
        except BaseException:  # noqa: BLE001 (a child that goes on would be a second pytest)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL
